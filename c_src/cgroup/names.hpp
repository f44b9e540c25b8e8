// Which names a group may have, and which are files of the kernel's.
#pragma once

#include <string_view>

namespace contained::cgroup {

/// Names allowed for groups: [A-Za-z0-9_.-]{1,64}, no leading dot, none that cgroupfs uses or may
/// use for its files ("tasks", "memory.high", anything after a controller's name and a dot).
bool valid_name(std::string_view name);

/// One to four valid names joined by "/".
bool valid_path(std::string_view path);

/// What may be a control file: [A-Za-z0-9_.-]{1,64}, "<controller>.<knob>" or one of v1's
/// "tasks", "notify_on_release", "release_agent".
bool valid_file(std::string_view name);

/// What would take a group from us, or hold its processes in a way that no signal ends: not to be
/// written by others.
bool is_ours_alone(std::string_view file);

/// The controller that the valid_file() |name| belongs to; "cgroup" for what belongs to none.
std::string_view owner_of(std::string_view name);

}  // namespace contained::cgroup
