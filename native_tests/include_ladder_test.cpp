// The include ladder of c_src/README.md: who may include whom, and where Asio may appear.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Folders = std::set<std::string>;

const std::map<std::string, Folders>& allowed() {
  static const std::map<std::string, Folders> kAllowed = {
      {"base", {}},
      {"cgroup", {"base"}},
      {"process", {"base"}},
      {"protocol", {"base"}},
      {"sink", {"base"}},
      {"nif", {"base", "cgroup"}},
      {"session", {"base", "cgroup", "process", "protocol"}},
      {"engine", {"base", "cgroup", "process", "protocol", "session"}},
      {"port", {"base", "cgroup", "process", "protocol", "session", "engine", "sink"}},
      {"supervise", {"base", "cgroup", "process", "protocol", "session", "engine"}},
      {"job", {"base", "cgroup", "process", "protocol", "session", "engine"}},
      {"cli",
       {"base", "cgroup", "process", "protocol", "session", "engine", "sink", "supervise", "job"}},
  };
  return kAllowed;
}

bool may_use_asio(const std::string& folder) {
  return folder == "engine" || folder == "port" || folder == "supervise" || folder == "job" ||
         folder == "cli";
}

// What reads command lines and writes JSON is for the program of the command line alone.
bool is_of_the_cli(const std::string& path) {
  return path.starts_with("CLI/") || path.starts_with("nlohmann/");
}

// The file an #include line names, brackets and quotes kept; empty for any other line.
std::string included(const std::string& line) {
  const auto hash = line.find_first_not_of(" \t");
  if (hash == std::string::npos || line.compare(hash, 1, "#") != 0) return {};
  const auto word = line.find_first_not_of(" \t", hash + 1);
  if (word == std::string::npos || line.compare(word, 7, "include") != 0) return {};
  const auto begin = line.find_first_of("<\"", word);
  const auto end = begin == std::string::npos ? begin : line.find_first_of(">\"", begin + 1);
  return end == std::string::npos ? std::string() : line.substr(begin, end - begin + 1);
}

bool breaks_ladder(const std::string& folder, const std::string& include) {
  const auto path = include.substr(1, include.size() - 2);
  if (path.starts_with("boost/asio")) return !may_use_asio(folder);
  if (is_of_the_cli(path)) return folder != "cli";
  if (include.front() == '<') return false;
  const auto target = path.substr(0, path.find('/'));
  const auto row = allowed().find(folder);
  return row == allowed().end() || (target != folder && row->second.count(target) == 0);
}

std::vector<std::string> violations(const std::string& folder, std::istream& text) {
  std::vector<std::string> found;
  for (std::string line; std::getline(text, line);) {
    const auto include = included(line);
    if (!include.empty() && breaks_ladder(folder, include)) found.push_back(include);
  }
  return found;
}

std::vector<std::string> violations(const std::string& folder, const std::string& text) {
  std::istringstream stream(text);
  return violations(folder, stream);
}

bool is_source(const fs::path& path) {
  return path.extension() == ".hpp" || path.extension() == ".cpp";
}

using Found = std::vector<std::string>;

TEST(IncludeLadder, DownwardIsAllowed) {
  EXPECT_EQ(violations("engine", "#include \"session/session.hpp\"\n#include \"base/error.hpp\"\n"),
            Found{});
  EXPECT_EQ(violations("cgroup", "#include \"cgroup/group.hpp\"\n#include <vector>\n"), Found{});
}

TEST(IncludeLadder, UpwardAndSidewaysAreFound) {
  EXPECT_EQ(violations("base", " # include \"cgroup/group.hpp\"\n"), Found{"\"cgroup/group.hpp\""});
  EXPECT_EQ(violations("process", "#include \"cgroup/group.hpp\"\n"),
            Found{"\"cgroup/group.hpp\""});
  EXPECT_EQ(violations("session", "#include \"engine/pump.hpp\"\n"), Found{"\"engine/pump.hpp\""});
  EXPECT_EQ(violations("nif", "#include \"process/child.hpp\"\n"), Found{"\"process/child.hpp\""});
}

TEST(IncludeLadder, UnknownFoldersAndBareNamesAreFound) {
  EXPECT_EQ(violations("somewhere", "#include \"base/error.hpp\"\n"), Found{"\"base/error.hpp\""});
  EXPECT_EQ(violations("base", "#include \"error.hpp\"\n"), Found{"\"error.hpp\""});
}

TEST(IncludeLadder, AsioStartsInEngine) {
  const std::string asio = "#include <boost/asio.hpp>\n";
  EXPECT_EQ(violations("session", asio), Found{"<boost/asio.hpp>"});
  EXPECT_EQ(violations("engine", asio), Found{});
}

TEST(IncludeLadder, TheLibrariesOfTheCommandLineStayInCli) {
  EXPECT_EQ(violations("job", "#include <nlohmann/json.hpp>\n"), Found{"<nlohmann/json.hpp>"});
  EXPECT_EQ(violations("cli", "#include <CLI/App.hpp>\n"), Found{});
}

TEST(IncludeLadder, HoldsInTheTree) {
  const fs::path root = fs::path(CONTAINED_SOURCE_DIR) / "c_src";
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!is_source(entry.path())) continue;
    const auto relative = fs::relative(entry.path(), root);
    std::ifstream text(entry.path());
    EXPECT_EQ(violations(relative.begin()->string(), text), Found{}) << relative;
    ++files;
  }
  EXPECT_GT(files, 10U);
}

}  // namespace
