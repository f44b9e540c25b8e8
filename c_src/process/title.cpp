#include "process/title.hpp"

#include <fcntl.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>

#include "base/file.hpp"

namespace contained::process {
namespace {

struct Span {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

// Fields 48 and 49 of proc_pid_stat(5), counted from the one after the command name.
Span arguments_in_memory() {
  const auto text = read_file_at(AT_FDCWD, "/proc/self/stat");
  if (!text || text->rfind(')') == std::string::npos) return {};
  std::istringstream fields(text->substr(text->rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 48; ++field) fields >> skipped;
  Span span;
  fields >> span.begin >> span.end;
  return fields ? span : Span{};
}

}  // namespace

void set_title(const char* title) {
  ::prctl(PR_SET_NAME, title);
  const auto arguments = arguments_in_memory();
  if (arguments.begin == 0 || arguments.end <= arguments.begin) return;
  const auto room = arguments.end - arguments.begin;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel tells the address as a number
  auto* const memory = reinterpret_cast<char*>(arguments.begin);
  std::fill_n(memory, room, '\0');
  std::copy_n(title, std::min(std::strlen(title), room - 1), memory);
}

}  // namespace contained::process
