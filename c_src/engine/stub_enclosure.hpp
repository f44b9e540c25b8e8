// The enclosure without control groups: a stub above the command, see process/stub.hpp.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "cgroup/ground.hpp"
#include "engine/enclosure.hpp"
#include "process/stub.hpp"

namespace contained::engine {

struct StubContext {
  asio::io_context& io;
  Reaper& reaper;
  const cgroup::Ground& ground;
  process::Refused& refused;
};

class StubEnclosure final : public Enclosure, public std::enable_shared_from_this<StubEnclosure> {
 public:
  StubEnclosure(StubContext context, const protocol::Start& request);

  Result<UniqueFd> start(process::SpawnSpec spec, EnclosureOwner& owner) override;
  pid_t leader() override;
  void check() override;
  void watch() override {}  // the end of the stub is told by itself
  void kill() override;
  void signal(int number, protocol::Target to, std::function<void(Status)> done) override;
  std::vector<pid_t> processes() const override;
  void account(protocol::Ended& ended) override;
  void detach() override { owner_ = nullptr; }
  bool tend(bool kill) override;

 private:
  using Answered = std::function<void(Status)>;

  Status refuse_limits() const;
  void wait();
  void read_events();
  void on(const process::StubLeader& event) { leader_ = event.pid; }
  void on(const process::StubLeaderExited& event);
  void on(const process::StubSignaled& event);
  void on(const process::StubCount& event);
  void on(const process::StubClosed&);
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
  std::optional<Descriptor> control_;
  pid_t leader_ = 0;
  bool leader_exited_ = false;
  rusage usage_of_leader_ = {};
  rusage usage_of_all_ = {};
  std::deque<Answered> signals_;
};

}  // namespace contained::engine
