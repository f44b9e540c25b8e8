// What this machine allows us, looked up and tried; what follows from it, decided apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace contained::cli {

struct Host {
  std::string kernel;   ///< "6.1.0-18-amd64"
  std::string machine;  ///< "x86_64"
  bool root = false;

  /// Of cgroup::Ground: what a launcher gets here.
  std::string containment;
  std::string base;                ///< where launchers' trees are made; empty: nowhere
  std::optional<Error> no_groups;  ///< why, of best_effort
  bool delegated = false;          ///< an attribute of the base says so, or it is ours
  std::vector<std::string> limits;

  /// Where the limits of a controller are.
  struct Controller {
    std::string name;
    std::string version;  ///< "v2", "v1"; empty: nowhere that we may use
    std::string path;
  };
  std::vector<Controller> controllers;

  /// What the kernel has, and what is done without it.
  struct Feature {
    std::string name;
    bool there = false;
  };
  std::vector<Feature> features;

  /// What was tried by doing it.
  struct Attempt {
    std::string name;            ///< "net", "pid_isolation", "seccomp", "landlock"
    std::optional<Error> error;  ///< none: it goes
    bool by_user = false;        ///< together with a namespace of users
  };
  std::vector<Attempt> attempts;
  int landlock = 0;  ///< version of its interface

  bool systemd = false;        ///< it runs this machine
  std::string unit;            ///< of systemd that we are in, "nginx.service"; empty: none
  std::string unit_directory;  ///< of its control group

  struct Space {
    std::string name;
    std::string group;      ///< of its jobs; empty: none
    bool outlives = true;   ///< its jobs go on when our unit is stopped
    std::string unit = {};  ///< they end with this one; empty: none
  };
  std::vector<Space> spaces;
  bool lingers = false;  ///< the manager of our user stays when he logs out, loginctl(1)

  /// sysctls that forbid namespaces of users, as they are.
  std::vector<std::pair<std::string, std::string>> forbidding;
};

Host look_at_host();

/// The innermost service or scope of |directory|, with the directory it is; empty: none.
std::pair<std::string, std::string> unit_of(std::string_view directory);

/// Whether what runs in |group| goes on when the unit in |unit_directory| is stopped. Empty: none.
bool outlives_unit(std::string_view group, std::string_view unit_directory);

/// What to do about what is missing, in the order of its weight.
std::vector<std::string> advice_for(const Host& host);

/// For people, and as JSON with a newline.
std::string host_text(const Host& host);
std::string host_json(const Host& host);

}  // namespace contained::cli
