#include "sink/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>
#include <utility>

namespace contained::sink {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kHighestFd = 1U << 20;
constexpr unsigned kHighestPriority = 191;  // local7.debug

template <class T>
bool read_number(std::string_view text, std::uint64_t low, std::uint64_t high, T& out,
                 int base = 10) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number, base);
  if (read.ec != std::errc{} || read.ptr != end || number < low || number > high) return false;
  out = static_cast<T>(number);
  return true;
}

bool read_text(std::string_view text, std::string& out) {
  out = text;
  return !text.empty();
}

bool read_sync(std::string_view text, Sync& out) {
  if (text == "line") out = Sync::kLine;
  if (text == "interval") out = Sync::kInterval;
  return text == "none" || out != Sync::kNone;
}

bool read_times(std::string_view text, FormatOptions& out) {
  out.timestamp = out.in_seconds = text == "seconds";
  return out.timestamp;
}

// A word without '=' has no value.
template <class Sink>
struct Word {
  std::string_view name;
  bool flag;
  bool (*read)(std::string_view value, Sink& sink);
};

using FileWord = Word<FileOptions>;
constexpr std::array kFileWords = {
    FileWord{"mode", false, [](auto v, auto& to) { return read_number(v, 0, 0777, to.mode, 8); }},
    FileWord{"size", false,
             [](auto v, auto& to) { return read_number(v, 1, kMost, to.rotation.size); }},
    FileWord{"every", false,
             [](auto v, auto& to) { return read_number(v, 1, kMost, to.rotation.every); }},
    FileWord{"keep", false,
             [](auto v, auto& to) {
               return read_number(v, 0, std::numeric_limits<std::int32_t>::max(),
                                  to.rotation.keep.emplace());
             }},
    FileWord{"at_start", true, [](auto, auto& to) { return to.rotation.at_start = true; }},
    FileWord{"gzip", true, [](auto, auto& to) { return to.rotation.gzip = true; }},
    FileWord{"timestamp", true, [](auto, auto& to) { return to.format.timestamp = true; }},
    FileWord{"timestamp", false, [](auto v, auto& to) { return read_times(v, to.format); }},
    FileWord{"prefix", false, [](auto v, auto& to) { return read_text(v, to.format.prefix); }},
    FileWord{"skip_empty", true, [](auto, auto& to) { return to.format.skip_empty = true; }},
    FileWord{"sync", false, [](auto v, auto& to) { return read_sync(v, to.sync); }},
    FileWord{"block", true, [](auto, auto& to) {
               to.policy = Policy::kBlock;
               return true;
             }}};

using SyslogWord = Word<SyslogOptions>;
constexpr std::array kSyslogWords = {
    SyslogWord{"priority", false,
               [](auto v, auto& to) { return read_number(v, 0, kHighestPriority, to.priority); }},
    SyslogWord{"socket", false, [](auto v, auto& to) { return read_text(v, to.socket); }},
    SyslogWord{"console", true, [](auto, auto& to) { return to.console = true; }},
    SyslogWord{"block", true, [](auto, auto& to) {
                 to.policy = Policy::kBlock;
                 return true;
               }}};

using FdWord = Word<FdOptions>;
constexpr std::array kFdWords = {
    FdWord{"timestamp", true, [](auto, auto& to) { return to.format.timestamp = true; }},
    FdWord{"timestamp", false, [](auto v, auto& to) { return read_times(v, to.format); }},
    FdWord{"prefix", false, [](auto v, auto& to) { return read_text(v, to.format.prefix); }},
    FdWord{"skip_empty", true, [](auto, auto& to) { return to.format.skip_empty = true; }}};

struct Split {
  std::string_view name;
  std::optional<std::string_view> value;
};

Split split(std::string_view word) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos) return {word, {}};
  return {word.substr(0, equals), word.substr(equals + 1)};
}

template <class Table, class Sink>
bool take(const Table& table, const Split& word, Sink& sink) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& each) {
    return each.name == word.name && each.flag != word.value.has_value();
  });
  return found != table.end() && found->read(word.value.value_or(""), sink);
}

bool take(const Split& word, FileOptions& sink) { return take(kFileWords, word, sink); }
bool take(const Split& word, SyslogOptions& sink) { return take(kSyslogWords, word, sink); }
bool take(const Split& word, FdOptions& sink) { return !sink.tail && take(kFdWords, word, sink); }

// A word that begins a sink.
bool begin(const Split& word, Options& options) {
  if (word.name == "file") {
    FileOptions file;
    file.path = *word.value;
    const bool absolute = file.path.starts_with('/') && !file.path.ends_with('/');
    options.sinks.emplace_back(std::move(file));
    return absolute;
  }
  if (word.name == "syslog") {
    SyslogOptions syslog;
    syslog.ident = *word.value;
    options.sinks.emplace_back(std::move(syslog));
    return !word.value->empty();
  }
  FdOptions fd;
  fd.tail = word.name == "tail";
  const bool good = read_number(*word.value, 0, kHighestFd, fd.fd);
  options.sinks.emplace_back(fd);
  return good;
}

bool take(const Split& word, Options& options) {
  const bool begins =
      word.name == "file" || word.name == "syslog" || word.name == "fd" || word.name == "tail";
  if (begins) return word.value && begin(word, options);
  if (word.name == "report")
    return word.value && read_number(*word.value, 0, kHighestFd, options.report);
  if (word.name == "input")
    return word.value && read_number(*word.value, 0, kHighestFd, options.input);
  if (word.name == "obey") return options.obey = !word.value;
  if (options.sinks.empty()) return false;
  return std::visit([&](auto& sink) { return take(word, sink); }, options.sinks.back());
}

}  // namespace

Result<Options> parse_options(std::span<char* const> words) {
  Options options;
  for (const std::string_view word : words) {
    if (!take(split(word), options)) return Error{EINVAL, Stage::kOption, std::string(word)};
  }
  if (options.sinks.empty()) return Error{EINVAL, Stage::kOption, "--sink"};
  return options;
}

}  // namespace contained::sink
