#include "job/namespace.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/file.hpp"
#include "job/home.hpp"
#include "job/job.hpp"
#include "job/name_lock.hpp"
#include "job/record.hpp"

namespace contained::job {
namespace {

constexpr char kNamespaceFile[] = "namespace";
constexpr char kJobs[] = "jobs";

bool is_namespace_draft(std::string_view file) { return is_draft(file, kNamespaceFile); }

uid_t owner_of(int fd) {
  struct stat info = {};
  return ::fstat(fd, &info) == 0 ? info.st_uid : static_cast<uid_t>(-1);
}

// A directory for |heir|: given to him when it is new, else it has to be his.
Result<UniqueFd> make_for(int dirfd, const std::string& name, mode_t mode, const Heir& heir) {
  const bool fresh = ::mkdirat(dirfd, name.c_str(), mode) == 0;
  if (!fresh && errno != EEXIST) return Error::last(Stage::kFile, name);
  auto directory = open_at(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return directory;
  if (fresh) (void)::fchmod(directory->get(), mode);
  if (owner_of(directory->get()) == heir.uid) return directory;
  if (!fresh) return Error{EEXIST, Stage::kFile, name};
  if (::fchown(directory->get(), heir.uid, heir.gid) < 0) return Error::last(Stage::kFile, name);
  return directory;
}

}  // namespace

Result<Namespace> Namespace::open_in(const std::string& runtime, const std::string& name) {
  const auto home = open_trusted(AT_FDCWD, runtime);
  if (!home) return home.error();
  auto directory = open_trusted(home->get(), name);
  if (!directory) return directory.error();
  Namespace found;
  found.name_ = name;
  found.path_ = runtime + "/" + name;
  auto jobs = open_at(directory->get(), kJobs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const bool foreign = jobs ? owner_of(jobs->get()) != ::geteuid() : jobs.error().code == EACCES;
  if (foreign) return Error{EPERM, Stage::kFile, found.path_ + "/" + kJobs};
  if (!jobs) return jobs.error();
  const auto record = read_record(directory->get(), kNamespaceFile);
  if (!record) return record.error();
  found.logs_ = record->get("logs");
  found.plot_ = {record->get("group"), record->get("hierarchy")};
  found.directory_ = std::move(*directory);
  found.jobs_ = std::move(*jobs);
  return found;
}

Result<Namespace> Namespace::open(const std::string& name) {
  const auto own = runtime_home();
  auto why = own ? Error{ENOENT, Stage::kFile, name} : own.error();
  for (const auto& runtime : runtime_homes()) {
    auto found = open_in(runtime, name);
    if (found) return found;
    if (found.error().code != ENOENT) why = found.error();
  }
  return why;
}

Result<Namespace> Namespace::make(const std::string& name, const Heir& heir,
                                  const std::string& cgroup_base) {
  if (heir.uid != ::geteuid() && ::geteuid() != 0) return Error{EPERM, Stage::kIds, name};
  const auto runtime = runtime_home();
  if (!runtime) return runtime.error();
  const auto home = make_all(*runtime);
  if (!home) return home.error();
  auto directory = make_trusted(home->get(), name, ::geteuid() == 0 ? 0755 : 0700);
  if (!directory) return directory.error();
  // Root makes nothing in a directory that is another's.
  if (owner_of(directory->fd.get()) != ::geteuid()) return Error{EEXIST, Stage::kFile, name};
  Namespace made;
  made.name_ = name;
  made.path_ = *runtime + "/" + name;
  made.directory_ = std::move(directory->fd);
  const auto settled = made.settle(heir, cgroup_base);
  if (!settled) return settled.error();
  return made;
}

Status Namespace::settle(const Heir& heir, const std::string& cgroup_base) {
  const auto record = read_record(directory_.get(), kNamespaceFile);
  if (record) {
    logs_ = record->get("logs");
    plot_ = {record->get("group"), record->get("hierarchy")};
  }
  // Where these are another's still, nothing is begun.
  auto logs = settle_logs(heir);
  if (!logs) return logs;
  auto jobs = make_for(directory_.get(), kJobs, 0700, heir);
  if (!jobs) return jobs.error();
  jobs_ = std::move(*jobs);
  settle_plot(heir, cgroup_base);
  return save(heir);
}

Status Namespace::settle_logs(const Heir& heir) {
  if (logs_.empty()) {
    const auto home = log_home();
    if (!home) return home.error();
    logs_ = *home + "/" + name_;
  }
  const auto above = make_all(logs_.substr(0, logs_.rfind('/')));
  if (!above) return above.error();
  const auto logs = make_for(above->get(), name_, 0750, heir);
  if (!logs) return Error{logs.error().code, Stage::kFile, logs_};
  return Done{};
}

void Namespace::settle_plot(const Heir& heir, const std::string& cgroup_base) {
  const bool kept = cgroup_base.empty() && is_usable(plot_);
  if (kept) return;
  auto plot = make_plot(name_, heir, cgroup_base);
  if (!plot) no_plot_ = plot.error();
  plot_ = plot ? std::move(*plot) : Plot{};
}

Status Namespace::save(const Heir& heir) const {
  Record record;
  record.add("version", 1);
  record.add("name", name_);
  record.add("uid", heir.uid);
  record.add("gid", heir.gid);
  record.add("logs", logs_);
  if (!plot_.path.empty()) record.add("group", plot_.path);
  if (!plot_.hierarchy.empty()) record.add("hierarchy", plot_.hierarchy);
  return write_record(directory_.get(), kNamespaceFile, record, ::geteuid() == 0 ? 0644 : 0600);
}

void Namespace::renew_plot() {
  if (is_usable(plot_)) return;
  const Heir us{::geteuid(), ::getegid()};
  const auto base = plot_.path.substr(0, plot_.path.rfind('/'));
  if (!base.empty()) settle_plot(us, base);
  if (plot_.path.empty()) settle_plot(us, {});
  // Root's record stays as it is; then ours is found anew each time.
  if (owner_of(directory_.get()) == us.uid) (void)save(us);
}

std::vector<std::string> Namespace::names() const { return names_in(jobs(), ".", valid_name); }

void Namespace::sweep_names() const {
  for (const auto& aside : names_in(jobs(), ".", is_aside)) remove_aside(jobs(), aside);
}

Result<UniqueFd> Namespace::job(const std::string& name) const {
  return open_trusted(jobs(), name);
}

Status Namespace::remove() && {
  if (!names().empty()) return Error{ENOTEMPTY, Stage::kFile, name_};
  if (!plot_.path.empty()) {
    auto gone = job::remove(plot_);
    // What root has made goes by root.
    if (!gone && gone.error().code == EBUSY) return gone;
  }
  return owner_of(directory_.get()) == ::geteuid() ? remove_directories() : Done{};
}

Status Namespace::remove_directories() {
  if (::unlinkat(directory_.get(), kJobs, AT_REMOVEDIR) < 0 && errno != ENOENT) {
    return Error::last(Stage::kFile, path_ + "/" + kJobs);
  }
  (void)::unlinkat(directory_.get(), kNamespaceFile, 0);
  for (const auto& draft : names_in(directory_.get(), ".", is_namespace_draft)) {
    (void)::unlinkat(directory_.get(), draft.c_str(), 0);
  }
  if (::rmdir(path_.c_str()) < 0 && errno != ENOENT) return Error::last(Stage::kFile, path_);
  return Done{};
}

// Of what is the user's, root looks at nothing but whether it is empty.
Status Namespace::take_back(const std::string& name) {
  const auto runtime = runtime_home();
  if (!runtime) return runtime.error();
  auto directory = open_trusted(AT_FDCWD, *runtime + "/" + name);
  if (!directory) return Error{directory.error().code, Stage::kFile, name};
  // Without a record it was not made to the end.
  auto record = read_record(directory->get(), kNamespaceFile);
  if (!record && record.error().code == ENOENT) record = Record();
  if (owner_of(directory->get()) != ::geteuid() || !record) {
    return Error{EPERM, Stage::kFile, name};
  }
  Namespace space;
  space.name_ = name;
  space.path_ = *runtime + "/" + name;
  space.plot_ = {record->get("group"), record->get("hierarchy")};
  if (record->get("version").empty()) space.plot_ = find_plot(name);
  space.directory_ = std::move(*directory);
  if (is_populated(space.plot_)) return Error{EBUSY, Stage::kCgroup, space.plot_.path};
  auto removed = space.remove_directories();
  if (removed && !space.plot_.path.empty()) return job::remove(space.plot_);
  return removed;
}

std::vector<std::string> namespaces() {
  std::vector<std::string> all;
  for (const auto& runtime : runtime_homes()) {
    for (auto& name : names_in(AT_FDCWD, runtime, valid_name)) {
      if (Namespace::open(name)) all.push_back(std::move(name));
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace contained::job
