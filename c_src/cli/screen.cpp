#include "cli/screen.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#define NCURSES_NOMACROS  // functions, which can be looked up
#include <curses.h>

namespace contained::cli {
namespace {

/// What |library| calls |name|. When it has none, what is there is not |complete|.
template <class Type>
Type* find(void* library, const char* name, bool& complete) {
  // POSIX has it that what dlsym(3) returns can be a function.
  auto* const found = reinterpret_cast<Type*>(::dlsym(library, name));
  complete = complete && found != nullptr;
  return found;
}

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): the name as a text, and its type
#define CONTAINED_CURSES(name) \
  decltype(::name)* name = find<decltype(::name)>(library_, #name, complete_)

/// The functions of ncurses, of the types that its header gives them.
class Curses {
 public:
  explicit Curses(void* library) : library_(library) {}
  bool complete() const { return complete_; }

 private:
  void* library_;
  bool complete_ = true;

 public:
  CONTAINED_CURSES(newterm);
  CONTAINED_CURSES(delscreen);
  CONTAINED_CURSES(endwin);
  CONTAINED_CURSES(cbreak);
  CONTAINED_CURSES(noecho);
  CONTAINED_CURSES(keypad);
  CONTAINED_CURSES(nodelay);
  CONTAINED_CURSES(curs_set);
  CONTAINED_CURSES(start_color);
  CONTAINED_CURSES(use_default_colors);
  CONTAINED_CURSES(init_pair);
  CONTAINED_CURSES(has_colors);
  CONTAINED_CURSES(resizeterm);
  CONTAINED_CURSES(wgetch);
  CONTAINED_CURSES(wmove);
  CONTAINED_CURSES(waddnstr);
  CONTAINED_CURSES(wattrset);
  CONTAINED_CURSES(werase);
  CONTAINED_CURSES(wrefresh);
  CONTAINED_CURSES(getmaxx);
  CONTAINED_CURSES(getmaxy);
  CONTAINED_CURSES(COLOR_PAIR);
  CONTAINED_CURSES(stdscr);
};
#undef CONTAINED_CURSES

// By the version of the header, whose types are used; never unloaded.
Result<Curses> load() {
  const auto name = "libncursesw.so." + std::to_string(NCURSES_VERSION_MAJOR);
  void* const library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Error{ENOENT, Stage::kOption, name};
  const Curses curses(library);
  if (!curses.complete()) return Error{ENOENT, Stage::kOption, name};
  return curses;
}

constexpr std::pair<Colour, short> kColours[] = {{Colour::kRed, COLOR_RED},
                                                 {Colour::kGreen, COLOR_GREEN},
                                                 {Colour::kYellow, COLOR_YELLOW},
                                                 {Colour::kBlue, COLOR_BLUE}};

class CursesScreen : public Screen {
 public:
  CursesScreen(const Curses& curses, SCREEN* terminal, bool colours)
      : curses_(curses), terminal_(terminal) {
    curses_.cbreak();
    curses_.noecho();
    curses_.keypad(window(), true);
    curses_.nodelay(window(), true);
    curses_.curs_set(0);
    if (colours && curses_.has_colors()) begin_colours();
  }

  ~CursesScreen() override {
    curses_.endwin();
    curses_.delscreen(terminal_);
  }

  Extent begin() override {
    const auto extent = extent_of(STDOUT_FILENO);
    if (extent.rows != curses_.getmaxy(window()) || extent.columns != curses_.getmaxx(window())) {
      curses_.resizeterm(extent.rows, extent.columns);
    }
    curses_.werase(window());
    return {curses_.getmaxy(window()), curses_.getmaxx(window())};
  }

  void put(int row, int column, std::string_view text, Look look) override {
    const int room = curses_.getmaxx(window()) - column;
    if (room <= 0 || curses_.wmove(window(), row, column) == ERR) return;
    curses_.wattrset(window(), static_cast<int>(attributes(look)));
    curses_.waddnstr(window(), text.data(), std::min(room, static_cast<int>(text.size())));
    curses_.wattrset(window(), static_cast<int>(A_NORMAL));
  }

  void show() override { curses_.wrefresh(window()); }

  Key key() override {
    for (;;) {
      const int code = curses_.wgetch(window());
      if (code == KEY_RESIZE) continue;  // begin() sees to it
      if (code == ERR) return {};
      return key_of(code);
    }
  }

 private:
  WINDOW* window() const { return *curses_.stdscr; }

  void begin_colours() {
    curses_.start_color();
    curses_.use_default_colors();
    for (const auto& [colour, number] : kColours) {
      curses_.init_pair(static_cast<short>(colour), number, -1);
    }
    colours_ = true;
  }

  chtype attributes(Look look) const {
    chtype all = look.reverse ? A_REVERSE : A_NORMAL;
    if (look.colour == Colour::kBold) return all | A_BOLD;
    if (look.colour == Colour::kDim) return all | A_DIM;
    if (look.colour != Colour::kPlain && colours_) {
      all |= static_cast<chtype>(curses_.COLOR_PAIR(static_cast<int>(look.colour)));
    }
    return all;
  }

  static Key key_of(int code) {
    switch (code) {
      case KEY_UP:
        return {Key::Kind::kUp};
      case KEY_DOWN:
        return {Key::Kind::kDown};
      case KEY_PPAGE:
        return {Key::Kind::kPageUp};
      case KEY_NPAGE:
        return {Key::Kind::kPageDown};
      case KEY_HOME:
        return {Key::Kind::kHome};
      case KEY_END:
        return {Key::Kind::kEnd};
      default:
        return {Key::Kind::kLetter, code < 256 ? static_cast<char>(code) : '\0'};
    }
  }

  Curses curses_;
  SCREEN* terminal_;
  bool colours_ = false;
};

}  // namespace

Result<std::unique_ptr<Screen>> Screen::open(bool colours) {
  const auto curses = load();
  if (!curses) return curses.error();
  auto* const terminal = curses->newterm(nullptr, stdout, stdin);
  const char* const type = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe)
  if (terminal == nullptr) return Error{ENODEV, Stage::kOption, type == nullptr ? "TERM" : type};
  return std::unique_ptr<Screen>(std::make_unique<CursesScreen>(*curses, terminal, colours));
}

}  // namespace contained::cli
