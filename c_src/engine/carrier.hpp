// Carrier: takes output of one command and brings it to the VM as one `output` frame.
//
// Large amounts go by splice(2) through a private staging pipe: the amount that arrived there is
// the frame's length, while FIONREAD on the command's own pipe is only a hint (a command can reopen
// its stdout and steal from it). Small amounts, and everything where splice is refused, are read
// into a buffer behind their header and written at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

enum class Take : std::uint8_t { kTaken, kNothing, kEnd };
enum class Push : std::uint8_t { kDone, kBlocked, kBroken };

class Carrier {
 public:
  static constexpr std::size_t kMostPerFrame = 256 * 1024;

  /// |splice| false: never splice. Without a staging pipe (EMFILE) it does without as well.
  explicit Carrier(bool splice);

  /// Takes at most |most| bytes from |from|, a non-blocking pipe, as the next frame of |id|.
  /// REQUIRES: empty(), 0 < most.
  Take load(int from, std::size_t most, protocol::Id id, protocol::Stream stream);

  /// Bytes of output in the frame under way.
  std::size_t payload() const { return payload_; }

  /// Writes as much of it as |vm|, a non-blocking pipe, takes.
  Push push(int vm);

  /// The same without the frame's header, for who reads no frames.
  Push push_payload(int to);

  bool empty() const { return buffered_ == sent_ && staged_ == 0; }
  bool splices() const { return splice_; }

  /// Forgets the frame under way: the VM is gone.
  void drop();

 private:
  Take load_by_splice(int from, std::size_t most);
  Take load_by_read(int from, std::size_t most);

  bool splice_;
  UniqueFd staging_in_;
  UniqueFd staging_out_;
  std::vector<char> buffer_;  ///< header, and payload when it was read
  std::size_t buffered_ = 0;  ///< bytes of |buffer_| that belong to the frame
  std::size_t sent_ = 0;      ///< of those, already written
  std::size_t staged_ = 0;    ///< payload bytes still in the staging pipe
  std::size_t payload_ = 0;
};

/// Enlarges a pipe to 1 MiB; refusals (quota, EPERM) are ignored, it works as it is.
void enlarge_pipe(int fd);

}  // namespace contained::engine
