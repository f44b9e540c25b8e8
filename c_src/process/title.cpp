#include "process/title.hpp"

#include <fcntl.h>
#include <sys/prctl.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace contained::process {
namespace {

struct Span {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

// The next of |fields|, which are parted by single spaces.
std::uintptr_t take_number(std::string_view& fields) {
  const auto field = fields.substr(0, fields.find(' '));
  fields.remove_prefix(std::min(fields.size(), field.size() + 1));
  std::uintptr_t number = 0;
  std::from_chars(field.data(), field.data() + field.size(), number);
  return number;
}

// Fields 48 and 49 of proc_pid_stat(5), counted from the one after the command name.
Span arguments_in_memory() {
  const auto text = read_file_at(AT_FDCWD, "/proc/self/stat");
  if (!text || text->rfind(") ") == std::string::npos) return {};
  auto fields = std::string_view(*text).substr(text->rfind(") ") + 2);
  for (int field = 3; field < 48; ++field) take_number(fields);
  Span span;
  span.begin = take_number(fields);
  span.end = take_number(fields);
  return span;
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
