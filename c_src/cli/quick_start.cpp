#include "cli/quick_start.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>

// Of the linker, end(3).
extern "C" char __executable_start;  // NOLINT(*-reserved-identifier)
extern "C" char etext;
extern "C" char end;

namespace contained::cli {
namespace {

// <sys/mman.h> of older C libraries lacks them.
constexpr int kPopulateRead = 22;
constexpr int kPopulateWrite = 23;

std::optional<Words>& mentioned() {
  static std::optional<Words> words;
  return words;
}

void populate(const void* from, const void* to, int advice) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(from) / page * page;
  const auto stop = reinterpret_cast<std::uintptr_t>(to);
  if (stop > begin)
    ::madvise(reinterpret_cast<void*>(begin), stop - begin, advice);  // NOLINT(*-int-to-ptr)
}

// "-vk500": letters of several options together.
bool has_letter(const std::string& word, char letter) {
  return word.size() > 1 && word[0] == '-' && word[1] != '-' &&
         word.find(letter) != std::string::npos;
}

bool names_option(const std::string& word, std::string_view name) {
  if (name.size() == 2) return has_letter(word, name[1]);
  return word.starts_with(name) && (word.size() == name.size() || word[name.size()] == '=');
}

bool wants_all(const std::string& word) {
  return has_letter(word, 'h') || names_option(word, "--help") || names_option(word, "--config");
}

}  // namespace

void map_ahead(bool writable) {
  populate(&__executable_start, &etext, kPopulateRead);
  if (!writable) return;
  // The newest page of the heap, which grows by brk(2), and what lies below it.
  constexpr std::ptrdiff_t kMost = 128 << 10;
  const auto* const top = static_cast<const char*>(::sbrk(0));
  populate(top - kMost, top, kPopulateWrite);
}

void remember_mentioned(const Words& words) {
  const bool all = std::any_of(words.begin(), words.end(), wants_all) ||
                   std::getenv("CONTAINED_OPTIONS") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  if (!all) mentioned() = words;
}

bool is_mentioned(std::string_view names) {
  if (!mentioned()) return true;
  while (!names.empty()) {
    const auto name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    const auto is = [name](const std::string& word) { return names_option(word, name); };
    if (std::any_of(mentioned()->begin(), mentioned()->end(), is)) return true;
  }
  return false;
}

}  // namespace contained::cli
