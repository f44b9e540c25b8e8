#include "sink/file_outlet.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "sink/rotation.hpp"

namespace contained::sink {
namespace {

constexpr std::chrono::seconds kSyncInterval{1};

std::uint64_t period_of(std::time_t time, std::uint64_t length) {
  return static_cast<std::uint64_t>(std::max<std::time_t>(time, 0)) / length;
}

}  // namespace

FileOutlet::FileOutlet(FileOptions options, Reports& reports)
    : options_(std::move(options)),
      file_(options_.path, options_.mode),
      format_(options_.format),
      writing_(reports, options_.path),
      rotating_(reports, options_.path) {}

Status FileOutlet::open() {
  auto opened = file_.open();
  if (!opened) return opened;
  const auto now = Moment::now();
  const auto& rotation = options_.rotation;
  if (!file_.at_line_start()) format_.continue_line();
  if (rotation.every > 0 && file_.size() > 0) period_ = period_of(file_.modified(), rotation.every);
  if (rotation.at_start && file_.size() > 0) rotate(now);
  pack(now);
  return Done{};
}

void FileOutlet::write(std::string_view text, const Moment& now) {
  rotate_by_age(now);
  text = format_.apply(text, now);
  if (skipping_) text = behind_gap(text);
  write_all(text, now);
  if (options_.sync != Sync::kNone) unsynced_ = true;
  if (options_.sync == Sync::kLine) sync(now);
}

void FileOutlet::write_all(std::string_view text, const Moment& now) {
  const auto limit = options_.rotation.size;
  while (!text.empty()) {
    const auto part =
        limit == 0 ? text.size() : fitting(text, file_.size(), limit, file_.at_line_start());
    // A file that cannot be set aside grows.
    if (part == 0 && !rotate(now)) return put(text, now);
    put(text.substr(0, part), now);
    text.remove_prefix(part);
  }
}

void FileOutlet::put(std::string_view text, const Moment& now) {
  auto when = now;
  while (!text.empty()) {
    if (put_some(text, when)) continue;
    if (options_.policy == Policy::kDrop) return;
    std::this_thread::sleep_for(kRetry);
    when = Moment::now();
  }
}

// False when it failed; |text| is what is still to be written.
bool FileOutlet::put_some(std::string_view& text, const Moment& now) {
  const auto followed = file_.follow();
  // Where the old file still has a name, that is better than nowhere.
  if (!followed && file_.lost()) return fail(text, followed.error(), now);
  if (!followed) writing_.failed(followed.error().code, 0, now);
  if (torn_ && !file_.at_line_start()) {
    if (const auto ended = file_.write("\n"); !ended) return fail(text, ended.error(), now);
  }
  torn_ = false;
  const auto written = file_.write(text);
  if (!written) return fail(text, written.error(), now);
  text.remove_prefix(*written);
  if (followed) writing_.worked(now);
  return true;
}

bool FileOutlet::fail(std::string_view text, const Error& error, const Moment& now) {
  const bool drops = options_.policy == Policy::kDrop;
  writing_.failed(error.code, drops ? text.size() : 0, now);
  if (drops) torn_ = true;
  if (drops) skipping_ = text.back() != '\n';
  return false;
}

std::string_view FileOutlet::behind_gap(std::string_view text) {
  const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
  skipping_ = text[end - 1] != '\n';
  writing_.dropped(end);
  return text.substr(end);
}

void FileOutlet::reopen(const Moment& now) {
  if (const auto opened = file_.open(); !opened) writing_.failed(opened.error().code, 0, now);
}

void FileOutlet::tick(const Moment& now) {
  if (packer_.busy()) settle_pack(false, now);
  if (unsynced_ && now.steady - synced_ >= kSyncInterval) sync(now);
}

void FileOutlet::sync(const Moment& now) {
  synced_ = now.steady;
  unsynced_ = false;
  if (const auto done = file_.sync(); !done) writing_.failed(done.error().code, 0, now);
}

void FileOutlet::finish(const Moment& now) {
  if (unsynced_) sync(now);
  while (packer_.busy()) settle_pack(true, now);
  writing_.end();
  rotating_.end();
}

// ---- Old files

void FileOutlet::rotate_by_age(const Moment& now) {
  if (options_.rotation.every == 0) return;
  const auto period = period_of(now.seconds(), options_.rotation.every);
  const auto before = std::exchange(period_, period);
  if (before && *before != period && file_.size() > 0) rotate(now);
}

bool FileOutlet::rotate(const Moment& now) {
  const auto turned = turn_over();
  if (turned)
    rotating_.worked(now);
  else
    rotating_.failed(turned.error().code, 0, now);
  pack(now);
  return turned.ok();
}

// The file that is written to may have been exchanged by others: theirs is not set aside.
Status FileOutlet::turn_over() {
  if (auto followed = file_.follow(); !followed) return followed;
  if (file_.size() == 0) return Done{};
  auto aside = set_aside(file_.directory(), file_.name());
  if (!aside) return aside;
  auto opened = file_.follow();
  if (!opened) return opened;
  const auto keep = options_.rotation.keep;
  return keep ? prune(file_.directory(), file_.name(), *keep) : Status(Done{});
}

void FileOutlet::pack(const Moment& now) {
  if (!options_.rotation.gzip) return;
  const auto woken = packer_.wake(file_.directory(), file_.name());
  if (!woken) rotating_.failed(woken.error().code, 0, now);
}

void FileOutlet::settle_pack(bool wait, const Moment& now) {
  const int code = packer_.reap(wait);
  if (code < 0) return;
  // One that cannot be compressed stays as it is until the next file is set aside.
  if (code > 0) return rotating_.failed(code, 0, now);
  pack(now);
}

}  // namespace contained::sink
