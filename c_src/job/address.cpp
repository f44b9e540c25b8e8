#include "job/address.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "job/job.hpp"

namespace contained::job {

ControlAddress control_address(int directory) {
  ControlAddress address;
  address.un.sun_family = AF_UNIX;
  *fmt::format_to_n(address.un.sun_path, sizeof address.un.sun_path - 1, "/proc/self/fd/{}/{}",
                    directory, kControlFile)
       .out = '\0';
  return address;
}

bool is_ours(int socket) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == ::geteuid() || peer.uid == 0);
}

}  // namespace contained::job
