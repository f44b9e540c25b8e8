// Links: pipes that the worker holds by name, so that one command can write to another.
//
// The worker holds both ends and never reads: what is written costs it nothing, and survives a
// reader's death until another one is started. A link that is closed lives on in the commands that
// hold it; its readers come to the end of file when its writers are gone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/file.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace contained::engine {

inline constexpr std::size_t kMostLinks = 65536;

class Links {
 public:
  // Requests: why they are refused, in the protocol's words; empty when they are not.
  std::string_view open(const std::string& name);
  std::string_view close(const std::string& name);

  /// No writer is to be waited for any more: the VM is gone, or wants an end.
  void close_all() { links_.clear(); }

  /// An end for one command, blocking; with an open file description of its own where /proc allows,
  /// so that O_NONBLOCK, set by one command, does not meet the next. ENOENT: no link has that name.
  Result<UniqueFd> reader(const std::string& name) const;
  Result<UniqueFd> writer(const std::string& name) const;

 private:
  std::unordered_map<std::string, PipeEnds> links_;
};

}  // namespace contained::engine
