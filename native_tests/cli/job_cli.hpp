// `contained job` with a namespace, files and logs of its own, which go with the test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "job/registry.hpp"
#include "support/looking.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace contained::test {

class JobCli : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  JobCli() : space_(std::filesystem::path(temp_.path()).filename().string()) {
    ::setenv("CONTAINED_RUNTIME_DIR", runtime().c_str(), 1);
    ::setenv("CONTAINED_LOG_DIR", temp_.path("log").c_str(), 1);
  }

  void TearDown() override {
    if (const auto space = job::Namespace::open(space_)) {
      for (const auto& name : space->names()) job({"kill", name});
    }
    job({"gc"});
    job({"release", "-n"});
    ::unsetenv("CONTAINED_RUNTIME_DIR");
    ::unsetenv("CONTAINED_LOG_DIR");
  }

  std::string runtime() const { return temp_.path("run"); }
  std::string file_of(const std::string& name, const std::string& file) const {
    return runtime() + "/" + space_ + "/jobs/" + name + "/" + file;
  }
  std::string log_of(const std::string& name) const {
    return temp_.path("log") + "/" + space_ + "/" + name + ".log";
  }

  Asked asked(Words words) const {
    words.insert(words.begin(), {"job", space_});
    auto asked = contained(std::move(words));
    asked.env = {{"CONTAINED_RUNTIME_DIR", runtime()}, {"CONTAINED_LOG_DIR", temp_.path("log")}};
    return asked;
  }
  Came job(Words words) const { return run_program(asked(std::move(words))); }
  int code(Words words) const { return job(std::move(words)).code(); }

  bool runs(const std::string& name) const { return code({"check", name}) == 0; }

  job::Entry entry(const std::string& name) const {
    const auto space = job::Namespace::open(space_);
    auto entry = space ? job::look(*space, name) : Result<job::Entry>(space.error());
    return entry ? std::move(*entry) : job::Entry{};
  }
  std::string state(const std::string& name) const {
    return std::string(job::name(entry(name).state));
  }

  TempDir temp_;
  std::string space_;
};

}  // namespace contained::test
