#include "sink/packer.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/file.hpp"
#include "base/unique_fd.hpp"
#include "sink/rotation.hpp"

namespace contained::sink {
namespace {

constexpr std::size_t kChunk = 64U * 1024;
constexpr int kLowest = 19;
constexpr int kHighestInherited = 63;

struct CloseGzip {
  void operator()(gzFile file) const { ::gzclose_w(file); }
};
using Gzip = std::unique_ptr<gzFile_s, CloseGzip>;

int copy(int from, gzFile to) {
  std::array<char, kChunk> chunk;
  for (;;) {
    const auto count = ::read(from, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return 0;
    const auto size = static_cast<unsigned>(count);
    // What gzwrite(3) could not write is in errno, unless it is zlib's own.
    errno = EIO;
    if (::gzwrite(to, chunk.data(), size) != count) return errno;
  }
}

// The descriptor stays open beyond zlib's, for fsync.
int compress(int from, int to) {
  const UniqueFd again(::fcntl(to, F_DUPFD_CLOEXEC, 0));
  if (!again) return errno;
  Gzip gzip(::gzdopen(to, "wb6"));
  if (!gzip) return ENOMEM;
  if (const int code = copy(from, gzip.get())) return code;
  errno = EIO;
  if (::gzclose_w(gzip.release()) != Z_OK) return errno;
  return ::fsync(again.get()) == 0 ? 0 : errno;
}

// What only the program itself needs: a pipe that stays open here would have no end.
void close_others(int directory) {
  for (int fd = 0; fd <= kHighestInherited; ++fd) {
    if (fd != directory && fd != STDERR_FILENO) ::close(fd);
  }
}

[[noreturn]] void pack_and_exit(int directory, const std::string& name) {
  close_others(directory);
  ::setpriority(PRIO_PROCESS, 0, kLowest);
  ::_exit(pack(directory, name));
}

}  // namespace

int pack(int directory, const std::string& name) {
  const auto packed = name + ".gz";
  const auto unfinished = packed + ".tmp";
  ::unlinkat(directory, unfinished.c_str(), 0);
  auto from = open_at(directory, name, O_RDONLY | O_NOFOLLOW);
  struct stat found = {};
  if (!from) return from.error().code;
  if (::fstat(from->get(), &found) < 0) return errno;
  UniqueFd to(::openat(directory, unfinished.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!to) return errno;
  if (::fchmod(to.get(), found.st_mode & 07777U) < 0) return errno;
  int code = compress(from->get(), to.release());
  if (code == 0 && ::renameat(directory, unfinished.c_str(), directory, packed.c_str()) < 0)
    code = errno;
  ::unlinkat(directory, code == 0 ? name.c_str() : unfinished.c_str(), 0);
  return code;
}

// What is not done is done by the next program.
Packer::~Packer() {
  if (!busy()) return;
  ::kill(child_, SIGKILL);
  reap(true);
}

Status Packer::wake(int directory, const std::string& name) {
  if (busy()) return Done{};
  const auto files = old_files(directory, name);
  if (!files) return files.error();
  for (const auto& file : *files) {
    const auto old = old_name(name, file.number);
    // Killed between the last two steps.
    if (file.plain && file.packed) ::unlinkat(directory, old.c_str(), 0);
    if (!file.plain || file.packed) continue;
    child_ = ::fork();
    if (child_ == 0) pack_and_exit(directory, old);
    if (child_ < 0) return Error::last(Stage::kFork, name);
    break;
  }
  return Done{};
}

int Packer::reap(bool wait) {
  int status = 0;
  pid_t done = 0;
  do {
    done = ::waitpid(child_, &status, wait ? 0 : WNOHANG);
  } while (done < 0 && errno == EINTR);
  if (done == 0) return -1;
  child_ = 0;
  if (done < 0) return ECHILD;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

}  // namespace contained::sink
