// Address: of a job's control socket, and whom to trust at its other end.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

namespace contained::job {

struct ControlAddress {
  sockaddr_un un = {};
  const sockaddr* any() const { return reinterpret_cast<const sockaddr*>(&un); }
  socklen_t size() const { return sizeof un; }
};

/// `control` in the open |directory|, by way of /proc/self/fd: sun_path has 108 bytes (unix(7)),
/// and what is above the directory may have been exchanged.
ControlAddress control_address(int directory);

/// Whether the process at the other end, or that listened there, is our user's or root's
/// (SO_PEERCRED).
bool is_ours(int socket);

}  // namespace contained::job
