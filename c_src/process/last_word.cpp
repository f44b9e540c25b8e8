#include "process/last_word.hpp"

#include <sys/mman.h>

#include <new>

namespace contained::process {

Result<std::shared_ptr<LastWord>> LastWord::make() {
  void* const memory =
      ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return Error::last(Stage::kExec);
  return std::shared_ptr<LastWord>(new LastWord(new (memory) Page(0)));
}

LastWord::~LastWord() { ::munmap(page_, sizeof(Page)); }

std::optional<Error> LastWord::heard() const {
  const int code = page_->load();
  return code == 0 ? std::nullopt : std::optional(Error{code, Stage::kExec, {}});
}

}  // namespace contained::process
