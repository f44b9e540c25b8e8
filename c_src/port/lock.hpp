// contained_port --lock PATH: holds a file locked for a daemon, of which there is to be one only.
#pragma once

#include <string>

namespace contained::port {

/// Takes an exclusive flock(2) on |path|, which is made if there is none, and tells one line on
/// stdout:
///
///     held               until this process ends
///     taken PID          by another, and the number that stands in the file, or 0: exits with 1
///     failed ERRNO       exits with 1
///
/// From then on each line of stdin is what the file holds: a process id, or nothing. It does not
/// end with its input, and ignores the signals that stop whole groups: SIGUSR2 ends it, with an
/// empty file.
///
/// Only a regular file of one name is taken, of our user, with nothing in it but a number.
int hold_lock(const std::string& path);

}  // namespace contained::port
