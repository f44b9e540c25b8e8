// A directory that goes with its owner.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace contained::test {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "contained-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

  /// Writes a file and gives it |mode|; returns its path.
  std::string file(const std::string& name, const std::string& content, mode_t mode) const {
    auto target = path(name);
    std::ofstream(target) << content;
    ::chmod(target.c_str(), mode);
    return target;
  }

 private:
  std::string path_;
};

}  // namespace contained::test
