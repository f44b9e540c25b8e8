// The enclosure without control groups: a stub above the command, see process/stub.hpp, or the init
// of its pid namespace.
#pragma once

#include <memory>

#include "cgroup/ground.hpp"
#include "engine/enclosure.hpp"
#include "engine/stub_line.hpp"
#include "process/stub.hpp"

namespace contained::engine {

struct StubContext {
  asio::io_context& io;
  Reaper& reaper;
  const cgroup::Ground& ground;
  process::Refused& refused;
};

class StubEnclosure final : public Enclosure,
                            private StubLineOwner,
                            public std::enable_shared_from_this<StubEnclosure> {
 public:
  StubEnclosure(StubContext context, const protocol::Start& request);

  Result<UniqueFd> start(process::SpawnSpec spec, EnclosureOwner& owner) override;
  pid_t leader() override { return line_ ? line_->leader() : 0; }
  void check() override;
  void watch() override {}  // the end of the stub is told by itself
  void kill() override;
  void signal(int number, protocol::Target to, std::function<void(Status)> done) override;
  std::vector<pid_t> processes() const override;
  void account(protocol::Ended& ended) override;
  void detach() override { owner_ = nullptr; }
  bool tend(bool kill) override;

 private:
  Status refuse_limits() const;
  void on_leader_exited(const process::StubLeaderExited& event) override;
  void on_count(std::uint64_t processes) override;
  void on_orphan_exited(const process::StubOrphanExited& event) override;
  void on_stub_exit(const process::Reaped& reaped);
  void watch_orphaned_leader();
  void leader_exited(process::ExitStatus status, const rusage& usage);
  void tell(Look look);

  StubContext context_;
  std::vector<std::string> asked_limits_;
  bool ignore_unsupported_;
  std::vector<std::string> not_applied_;
  EnclosureOwner* owner_ = nullptr;
  process::Child stub_;
  bool is_init_ = false;  ///< |stub_|: pid 1 of a pid namespace
  std::shared_ptr<StubLine> line_;
  bool leader_exited_ = false;
  rusage usage_of_leader_ = {};
  rusage usage_of_all_ = {};
};

}  // namespace contained::engine
