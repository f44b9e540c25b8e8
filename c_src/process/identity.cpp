#include "process/identity.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace contained::process {
namespace {

constexpr std::size_t kFirstRoom = 4096;
constexpr std::size_t kMostRoom = std::size_t{64} << 20;
constexpr int kFirstGroups = 64;
constexpr int kMostMemberships = 1 << 20;  // NGROUPS_MAX is 65536, initgroups(3) takes that many

// An id is a word of digits only; -1 is nobody's.
std::optional<id_t> number_in(std::string_view text) {
  id_t id = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, id);
  const bool good = parsed.ec == std::errc{} && parsed.ptr == end && id != static_cast<id_t>(-1);
  return good ? std::optional(id) : std::nullopt;
}

// The _r functions return their error and say ERANGE for an entry longer than the room. For "no
// such entry" libraries answer with these as well, getpwnam(3).
bool means_none(int code) {
  return code == ENOENT || code == ESRCH || code == EBADF || code == EPERM;
}

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  std::string home;
};

User copy_of(const passwd& entry) {
  return {entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir};
}
gid_t copy_of(const group& entry) { return entry.gr_gid; }

// |find| is called as getpwnam_r(3) without its key. ENOENT: there is no such entry.
template <class Entry, class Find>
auto find_entry(Find find) -> Result<decltype(copy_of(Entry()))> {
  std::vector<char> room(kFirstRoom);
  for (;;) {
    Entry entry = {};
    Entry* found = nullptr;
    const int code = find(&entry, room.data(), room.size(), &found);
    if (found != nullptr) return copy_of(*found);
    if (code == 0 || means_none(code)) return Error{ENOENT, Stage::kIds, {}};
    if (code != EINTR && (code != ERANGE || room.size() >= kMostRoom)) {
      return Error{code, Stage::kIds, {}};
    }
    if (code == ERANGE) room.resize(room.size() * 2);
  }
}

Result<User> user_named(const std::string& name) {
  return find_entry<passwd>([&](auto... rest) { return ::getpwnam_r(name.c_str(), rest...); });
}

Result<User> user_numbered(uid_t uid) {
  return find_entry<passwd>([&](auto... rest) { return ::getpwuid_r(uid, rest...); });
}

Result<gid_t> group_named(const std::string& name) {
  return find_entry<group>([&](auto... rest) { return ::getgrnam_r(name.c_str(), rest...); });
}

// A name comes first: there are users whose name is a number.
Result<User> find_user(const std::string& text, bool& has_entry) {
  auto user = user_named(text);
  const auto number = number_in(text);
  if (!user && user.error().code == ENOENT && number) user = user_numbered(*number);
  has_entry = user.ok();
  if (user || user.error().code != ENOENT || !number) return user;
  return User{*number, 0, {}, {}};
}

Result<gid_t> find_group(const std::string& text) {
  auto gid = group_named(text);
  const auto number = number_in(text);
  if (!gid && gid.error().code == ENOENT && number) return *number;
  return gid;
}

Result<std::vector<gid_t>> groups_of(const User& user, gid_t gid) {
  int room = kFirstGroups;
  for (;;) {
    std::vector<gid_t> groups(static_cast<std::size_t>(room));
    int count = room;
    if (::getgrouplist(user.name.c_str(), gid, groups.data(), &count) >= 0) {
      groups.resize(static_cast<std::size_t>(count));
      return groups;
    }
    if (room >= kMostMemberships) return Error{ERANGE, Stage::kIds, {}};
    // musl and old glibc do not say how many there are.
    room = std::max(count, room * 2);
  }
}

Error about(Error error, std::string_view field) {
  error.subject = field;
  return error;
}

std::string numbers(const std::vector<gid_t>& groups) {
  std::string text;
  for (const gid_t group : groups) text += fmt::format(" {}", group);
  return text;
}

// One field after the other; the first that fails is told.
class LookUp {
 public:
  LookUp(const IdentityRequest& request, std::string& culprit)
      : request_(request), culprit_(culprit) {}

  Result<Identity> run() {
    if (const auto done = user(); !done) return done.error();
    if (const auto done = group(); !done) return done.error();
    if (const auto done = groups(); !done) return done.error();
    return std::move(identity_);
  }

 private:
  Status user() {
    if (!request_.user) return Done{};
    culprit_ = *request_.user;
    auto found = find_user(culprit_, has_entry_);
    if (!found) return about(found.error(), "user");
    if (!has_entry_ && !request_.group) return Error{EINVAL, Stage::kIds, "group"};
    user_ = std::move(*found);
    identity_.uid = user_.uid;
    identity_.name = user_.name;
    identity_.home = user_.home;
    if (has_entry_) identity_.gid = user_.gid;
    return Done{};
  }

  Status group() {
    if (!request_.group) return Done{};
    culprit_ = *request_.group;
    const auto gid = find_group(culprit_);
    if (!gid) return about(gid.error(), "group");
    identity_.gid = *gid;
    return Done{};
  }

  Status groups() {
    if (request_.groups) return given_groups();
    if (!has_entry_) return no_groups();
    culprit_ = user_.name;
    auto found = groups_of(user_, *identity_.gid);
    if (!found) return about(found.error(), "groups");
    identity_.groups = std::move(*found);
    return Done{};
  }

  Status no_groups() {
    if (identity_.gid) identity_.groups.emplace();
    return Done{};
  }

  Status given_groups() {
    identity_.groups.emplace();
    for (const auto& text : *request_.groups) {
      culprit_ = text;
      const auto gid = find_group(text);
      if (!gid) return about(gid.error(), "groups");
      identity_.groups->push_back(*gid);
    }
    return Done{};
  }

  const IdentityRequest& request_;
  std::string& culprit_;
  User user_;
  bool has_entry_ = false;
  Identity identity_;
};

}  // namespace

Result<Identity> look_up(const IdentityRequest& request, std::string& culprit) {
  return LookUp(request, culprit).run();
}

std::string text_of(const Identity& identity) {
  std::string text;
  if (identity.uid) text += fmt::format("uid {}\n", *identity.uid);
  if (identity.gid) text += fmt::format("gid {}\n", *identity.gid);
  if (identity.groups) text += "groups" + numbers(*identity.groups) + "\n";
  if (!identity.name.empty()) {
    text += fmt::format("name {}\nhome {}\n", identity.name, identity.home);
  }
  return text;
}

}  // namespace contained::process
