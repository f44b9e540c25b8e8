// Users and groups by name, through NSS.
//
// NSS may ask the network, load modules and block for minutes: only in a process that nobody waits
// for, `contained_port --identity`, never in the worker.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace contained::process {

/// Names or numbers, as they were asked for.
struct IdentityRequest {
  std::optional<std::string> user = {};
  std::optional<std::string> group = {};
  std::optional<std::vector<std::string>> groups = {};
};

struct Identity {
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<std::vector<gid_t>> groups;
  std::string name;  ///< of a user with an entry in passwd; else empty, as |home| is
  std::string home;
};

/// A user brings the gid and the groups of his entries (getgrouplist(3)) unless they are given. A
/// number needs no entry, but a uid without one needs |group| (EINVAL, "group"); it has no other
/// groups then. The error's subject is the field: "user", "group" or "groups"; |culprit| is the
/// value that was not found (ENOENT) or could not be looked up.
Result<Identity> look_up(const IdentityRequest& request, std::string& culprit);

/// The lines that `--identity` prints: "uid N", "gid N", "groups N N", "name NAME", "home DIR".
std::string text_of(const Identity& identity);

}  // namespace contained::process
