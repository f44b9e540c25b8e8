// Small files read and written whole, relative to a directory descriptor.
//
// cgroupfs and procfs answer one read(2) or write(2) at a time: a control is written by exactly one
// write whose error is the answer, never through a buffer that reports it later or not at all.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace contained {

/// Opens |path| relative to |dirfd| (AT_FDCWD allowed) with O_CLOEXEC added to |flags|.
Result<UniqueFd> open_at(int dirfd, const std::string& path, int flags, Stage stage = Stage::kFile);

/// Opens |path| beneath |dirfd|: neither "..", an absolute path nor a symbolic link can leave it
/// (openat2(2) RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS; each component checked where refused).
Result<UniqueFd> open_beneath(int dirfd, const std::string& path, int flags,
                              Stage stage = Stage::kFile);

/// The whole content of a file, at most |limit| bytes (EFBIG beyond).
Result<std::string> read_file_at(int dirfd, const std::string& path, std::size_t limit = 1U << 20);

/// A file of the kernel's that is shorter than a page, by one read(2).
Result<std::string> read_brief_at(int dirfd, const std::string& path);

/// Writes |value| with a single write(2); a short write is EIO.
Status write_file_at(int dirfd, const std::string& path, std::string_view value);

/// Reads what is left of |fd|, from its current offset, at most |limit| bytes.
Result<std::string> read_all(int fd, std::size_t limit = 1U << 20);

/// Puts |fd| into non-blocking mode. The flag belongs to the open file description: only for
/// descriptors that nobody else shares.
Status set_nonblocking(int fd);

/// pipe2(2) with O_CLOEXEC.
struct PipeEnds {
  UniqueFd read;
  UniqueFd write;
};
Result<PipeEnds> make_pipe(Stage stage = Stage::kPipe);

}  // namespace contained
