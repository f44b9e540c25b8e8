// Completions for bash and zsh: tables of the options, and what goes through the words typed so
// far, as split_line() does.
#include "cli/completion_tables.hpp"

namespace contained::cli {
namespace {

// ':' separates a word from its description in zsh.
std::string described(const std::string& word, const std::string& description) {
  std::string text;
  for (const char letter : word)
    text += letter == ':' ? std::string("\\:") : std::string(1, letter);
  return " " + in_quotes(text + ":" + description);
}

std::string plain(const std::string& word, const std::string& /*description*/) {
  return " " + word;
}

using Offer = std::string (*)(const std::string& word, const std::string& description);

// `case` is the same in both. |open| and |close| stand around the words of a variable.
std::string leaf_function(const CLI::App& app, Offer offer, const char* open, const char* close) {
  std::string text = "_contained_leaf() {\n  case \"$1\" in\n";
  for (const auto& leaf : leaves_of(app)) {
    std::string offers;
    std::string below;
    each_option(leaf, [&](const auto& name, const auto& what) { offers += offer(name, what); });
    each_below(leaf, [&](const auto& name, const auto& what) { below += offer(name, what); });
    text += "    '" + leaf.path + "') offers=" + open + offers + close + " below=" + open + below +
            close + " operands=(";
    for (const auto& kind : operand_kinds(*leaf.app)) text += " " + in_quotes(kind);
    text += std::string(" ) command=") + (leaf.app->get_prefix_command() ? "1" : "") + " ;;\n";
  }
  return text + "  esac\n}\n";
}

std::string alternatives(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : "|") + in_quotes(word);
  return text;
}

std::string step_function(const CLI::App& app) {
  std::string text = "_contained_step() {\n  case \"$1\" in\n";
  for (const auto& [words, path] : steps_of(app))
    text += "    " + alternatives(words) + ") place=" + in_quotes(path) + " ;;\n";
  return text + "    *) return 1 ;;\n  esac\n}\n";
}

std::string kind_function(const CLI::App& app) {
  std::string text = "_contained_kind() {\n  case \"$1 $2\" in\n";
  for (const auto& [kind, options] : options_by_kind(app))
    text += "    " + alternatives(options) + ") kind=" + in_quotes(kind) + " ;;\n";
  return text + "  esac\n}\n";
}

// What bash has split at '=' and ':' is put together again.
constexpr const char* kBash = R"(_contained_value() {
  local each
  for each in $kind; do
    case $each in
      ANY) ;;
      FILE | DIRECTORY | USER | GROUP) compgen -A "${each,,}" -- "$1" ;;
      *) compgen -W "$each" -- "$1" ;;
    esac
  done
}
_contained_offers() {
  if [[ -n $kind ]]; then _contained_value "$current"
  elif ((start)); then
    ((start < ${#words[@]} - 1)) || compgen -A command -- "$current"
    compgen -A file -- "$current"
  elif [[ $current == -* ]]; then compgen -W "$offers" -- "$current"
  else
    compgen -W "$below" -- "$current"
    [[ -z $command ]] || compgen -A command -A file -- "$current"
  fi
}
_contained_words() {
  local line=${COMP_LINE:0:COMP_POINT} word i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if ((i == 0)) || [[ $line == [[:blank:]]* ]]; then
      line=${line#"${line%%[![:blank:]]*}"}
      words+=('')
      first+=("$i")
    fi
    word=${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || word=$line
    words[-1]+=$word
    line=${line#"$word"}
  done
}
_contained() {
  local words=() first=() place='' kind='' offers below operands=() command taken=0 start=0 i current
  _contained_words
  _contained_leaf ''
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    if ((start)); then
      [[ $place != ' supervise' || ${words[i]} != -- ]] || start=$((i + 1))
    elif [[ -n $kind ]]; then kind=''
    elif [[ ${words[i]} == -- && -n $command ]]; then start=$((i + 1))
    elif [[ ${words[i]} == -?* ]]; then _contained_kind "$place" "${words[i]}"
    elif ((taken < ${#operands[@]})); then ((++taken))
    elif _contained_step "$place ${words[i]}"; then taken=0 && _contained_leaf "$place"
    elif [[ -n $command ]]; then start=$i
    fi
  done
  current=${words[-1]}
  if ((start)) && declare -F _command_offset >/dev/null; then
    _command_offset "${first[start]}"
    return
  fi
  if ((!start)) && [[ -z $kind ]]; then
    if [[ $current == --*=* ]]; then
      _contained_kind "$place" "${current%%=*}"
      current=${current#*=}
    elif [[ $current != -* ]] && ((taken < ${#operands[@]})); then kind=${operands[taken]}
    fi
  fi
  [[ $kind != *FILE* && $kind != *DIRECTORY* ]] || compopt -o filenames 2>/dev/null
  [[ -n $kind || $current == -* || -z $command ]] || compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(_contained_offers)
}
complete -F _contained contained
)";

constexpr const char* kZsh = R"(_contained_value() {
  local each
  for each in ${=kind}; do
    case $each in
      ANY) _message value ;;
      FILE) _files ;;
      DIRECTORY) _files -/ ;;
      USER) _users ;;
      GROUP) _groups ;;
      *) compadd -- $each ;;
    esac
  done
}
_contained_command() {
  shift $(($1 - 1)) words
  ((CURRENT -= $1 - 1))
  _normal
}
_contained() {
  local place='' kind='' command='' word
  local -a offers below operands
  integer taken=0 start=0 i
  _contained_leaf ''
  for ((i = 2; i < CURRENT; i++)); do
    word=${(Q)words[i]}
    if ((start)); then
      [[ $place != ' supervise' || $word != -- ]] || start=$((i + 1))
    elif [[ -n $kind ]]; then kind=''
    elif [[ $word == -- && -n $command ]]; then start=$((i + 1))
    elif [[ $word == -?* ]]; then _contained_kind "$place" "$word"
    elif ((taken < $#operands)); then ((++taken))
    elif _contained_step "$place $word"; then taken=0 && _contained_leaf "$place"
    elif [[ -n $command ]]; then start=$i
    fi
  done
  if ((start)); then _contained_command $start
  elif [[ -n $kind ]]; then _contained_value
  elif [[ $PREFIX == --*=* ]]; then
    _contained_kind "$place" "${PREFIX%%=*}"
    compset -P '*='
    _contained_value
  elif [[ $PREFIX == -* ]]; then _describe -o option offers
  elif ((taken < $#operands)); then
    kind=$operands[taken+1]
    _contained_value
  elif [[ -n $command ]]; then _contained_command $CURRENT
  else _describe subcommand below
  fi
}
if [[ $funcstack[1] == _contained ]]; then _contained "$@"; else compdef _contained contained; fi
)";

}  // namespace

std::vector<GeneratedFile> bash_completion(const CLI::App& app) {
  return {{"contained", "# bash completion of contained(1), from `contained generate bash`\n" +
                            leaf_function(app, plain, "'", "'") + step_function(app) +
                            kind_function(app) + kBash}};
}

std::vector<GeneratedFile> zsh_completion(const CLI::App& app) {
  return {{"_contained", "#compdef contained\n# from `contained generate zsh`\n" +
                             leaf_function(app, described, "(", " )") + step_function(app) +
                             kind_function(app) + kZsh}};
}

}  // namespace contained::cli
