// Completions for fish: as those for bash and zsh, in its own language.
#include "cli/completion_tables.hpp"

namespace contained::cli {
namespace {

std::string with_tab(const std::string& word, const std::string& description) {
  return " " + in_quotes(word + "\t" + description);
}

std::string quoted_list(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += " " + in_quotes(word);
  return text;
}

std::string fish_leaves(const CLI::App& app) {
  std::string text = "function __contained_leaf -S\n  switch $place\n";
  for (const auto& leaf : leaves_of(app)) {
    std::string offers;
    std::string below;
    each_option(leaf, [&](const auto& name, const auto& what) { offers += with_tab(name, what); });
    each_below(leaf, [&](const auto& name, const auto& what) { below += with_tab(name, what); });
    text += "    case '" + leaf.path + "'\n      set offers" + offers + "\n      set below" +
            below + "\n      set operands" + quoted_list(operand_kinds(*leaf.app)) +
            "\n      set has_command" + (leaf.app->get_prefix_command() ? " 1" : "") + "\n";
  }
  return text + "  end\nend\n";
}

std::string fish_steps(const CLI::App& app) {
  std::string text = "function __contained_step -S\n  switch \"$place $word\"\n";
  for (const auto& [words, path] : steps_of(app))
    text += "    case" + quoted_list(words) + "\n      set place " + in_quotes(path) + "\n";
  // `set` leaves $status as it was.
  return text + "    case '*'\n      return 1\n  end\n  return 0\nend\n";
}

std::string fish_kinds(const CLI::App& app) {
  std::string text = "function __contained_kind -S -a option\n  switch \"$place $option\"\n";
  for (const auto& [kind, options] : options_by_kind(app))
    text += "    case" + quoted_list(options) + "\n      set kind " + kind + "\n";
  return text + "  end\nend\n";
}

// -S: a function sees and sets the variables of who calls it.
constexpr const char* kFish = R"(function __contained_value -a current
  for each in $argv[2..]
    switch $each
      case ANY
      case FILE
        __fish_complete_path $current
      case DIRECTORY
        __fish_complete_directories $current ''
      case USER
        __fish_complete_users
      case GROUP
        __fish_complete_groups
      case '*'
        echo $each
    end
  end
end
function __contained_walk -S
  __contained_leaf
  for i in (seq 2 (count $words))
    set word $words[$i]
    if test $start -gt 0
      test "$place" = ' supervise' -a "$word" = -- && set start (math $i + 1)
    else if set -q kind[1]
      set kind
    else if test "$word" = -- && set -q has_command[1]
      set start (math $i + 1)
    else if string match -q -- '-?*' $word
      __contained_kind (string split -m 1 = -- $word)[1]
      string match -q -- '--*=*' $word && set kind
    else if test $taken -lt (count $operands)
      set taken (math $taken + 1)
    else if __contained_step
      set taken 0
      __contained_leaf
    else if set -q has_command[1]
      set start $i
    end
  end
end
function __contained_offers
  set -l words (commandline -opc)
  set -l current (commandline -ct | string collect)
  set -l place ''
  set -l start 0
  set -l taken 0
  set -l word
  set -l kind
  set -l offers
  set -l below
  set -l operands
  set -l has_command
  __contained_walk
  if test $start -gt 0
    complete --do-complete=(string join -- ' ' (string escape -- $words[$start..]) "$current" | string collect)
  else if set -q kind[1]
    __contained_value "$current" $kind
  else if string match -q -- '--*=*' $current
    set -l halves (string split -m 1 = -- $current)
    __contained_kind $halves[1]
    printf "$halves[1]=%s\n" (__contained_value "$halves[2]" $kind)
  else if string match -q -- '-*' $current
    printf '%s\n' $offers
  else if test $taken -lt (count $operands)
    __contained_value "$current" $operands[(math $taken + 1)]
  else
    set -q below[1] && printf '%s\n' $below
    set -q has_command[1] && complete --do-complete="$current"
  end
end
complete -c contained -f -a '(__contained_offers)'
)";

}  // namespace

std::vector<GeneratedFile> fish_completion(const CLI::App& app) {
  return {{"contained.fish", "# fish completion of contained(1), from `contained generate fish`\n" +
                                 fish_leaves(app) + fish_steps(app) + fish_kinds(app) + kFish}};
}

}  // namespace contained::cli
