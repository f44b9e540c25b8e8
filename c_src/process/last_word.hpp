// What a child says of its exec without a system call: in a page that parent and child share.
//
// The status pipe does not do under a seccomp filter. One that forbids write(2) would swallow the
// word, and the end of the pipe would look like a program that runs.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "base/result.hpp"

namespace contained::process {

class LastWord {
 public:
  static Result<std::shared_ptr<LastWord>> make();
  LastWord(const LastWord&) = delete;
  LastWord& operator=(const LastWord&) = delete;
  ~LastWord();

  /// In the child: the exec has failed with |code|; 0: it is tried (again).
  void say(int code) const noexcept { page_->store(code); }

  /// What has been said at Stage::kExec, once the status pipe has ended: with nothing, it runs.
  std::optional<Error> heard() const;

 private:
  using Page = std::atomic<int>;
  static_assert(Page::is_always_lock_free);
  explicit LastWord(Page* page) : page_(page) {}

  Page* page_;
};

}  // namespace contained::process
