// Marks: one for each of a few things, seen alike by the process that made them and by those that
// it has forked since. A guardian knows by them what its worker has made, however that one died.
#pragma once

#include <cstddef>
#include <memory>

namespace contained::cgroup {

class Marks {
 public:
  Marks();

  void set(std::size_t index) const;

  /// Whether it is set, or cannot be known: without memory to share, every one may be.
  bool may_be_set(std::size_t index) const;

 private:
  struct Unmap {
    void operator()(unsigned char* page) const;
  };
  std::unique_ptr<unsigned char, Unmap> page_;
};

}  // namespace contained::cgroup
