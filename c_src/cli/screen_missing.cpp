// Built without ncurses.
#include "cli/screen.hpp"

namespace contained::cli {

Result<std::unique_ptr<Screen>> Screen::open(bool /*colours*/) {
  return Error{ENOTSUP, Stage::kOption, "this program was built without a screen"};
}

}  // namespace contained::cli
