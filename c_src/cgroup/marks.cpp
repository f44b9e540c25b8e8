#include "cgroup/marks.hpp"

#include <sys/mman.h>

#include <atomic>

namespace contained::cgroup {
namespace {

constexpr std::size_t kSize = 4096;  // rounded up to a page by the kernel

std::atomic_ref<unsigned char> mark(unsigned char* page, std::size_t index) {
  return std::atomic_ref<unsigned char>(page[index]);
}

}  // namespace

Marks::Marks() {
  void* const page =
      ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED) page_.reset(static_cast<unsigned char*>(page));
}

void Marks::Unmap::operator()(unsigned char* page) const { ::munmap(page, kSize); }

void Marks::set(std::size_t index) const {
  if (page_ && index < kSize) mark(page_.get(), index).store(1);
}

bool Marks::may_be_set(std::size_t index) const {
  return !page_ || index >= kSize || mark(page_.get(), index).load() != 0;
}

}  // namespace contained::cgroup
