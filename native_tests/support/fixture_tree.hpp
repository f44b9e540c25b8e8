// A directory tree in a temporary place, written from nested initialisers and removed at the end:
//
//   const FixtureTree tree({dir("own", {file("cgroup.procs", "12\n"), dir("sub")})});
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace contained::test {

struct Node {
  std::string name;
  std::string content;
  bool is_directory = false;
  std::vector<Node> children;
};

inline Node file(std::string name, std::string content) {
  return {std::move(name), std::move(content), false, {}};
}

inline Node dir(std::string name, std::vector<Node> children = {}) {
  return {std::move(name), {}, true, std::move(children)};
}

class FixtureTree {
 public:
  explicit FixtureTree(const std::vector<Node>& nodes = {}) {
    auto pattern = (std::filesystem::temp_directory_path() / "contained-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
    root_ = pattern;
    std::filesystem::permissions(root_, std::filesystem::perms(0755));
    write(root_, nodes);
  }
  FixtureTree(const FixtureTree&) = delete;
  FixtureTree& operator=(const FixtureTree&) = delete;
  ~FixtureTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  std::string root() const { return root_.string(); }
  std::string path(const std::string& below) const { return (root_ / below).string(); }

 private:
  static void write(const std::filesystem::path& at, const std::vector<Node>& nodes) {
    for (const auto& node : nodes) {
      const auto path = at / node.name;
      if (node.is_directory) {
        std::filesystem::create_directory(path);
        write(path, node.children);
      } else {
        std::ofstream(path) << node.content;
      }
    }
  }

  std::filesystem::path root_;
};

}  // namespace contained::test
