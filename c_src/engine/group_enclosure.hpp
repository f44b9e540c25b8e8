// The enclosure by control groups, in which an init may stand above the command.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <unordered_set>

#include "cgroup/cell.hpp"
#include "cgroup/ground.hpp"
#include "engine/enclosure.hpp"
#include "engine/stub_line.hpp"

namespace contained::engine {

/// What groups and those who watch them need of the worker.
struct GroupContext {
  asio::io_context& io;
  Reaper& reaper;
  cgroup::Ground& ground;
  process::Refused& refused;
};

class GroupEnclosure final : public Enclosure,
                             private StubLineOwner,
                             public std::enable_shared_from_this<GroupEnclosure> {
 public:
  GroupEnclosure(GroupContext context, const protocol::Start& request);

  Result<UniqueFd> start(process::SpawnSpec spec, EnclosureOwner& owner) override;
  void distrust() override;
  pid_t leader() override { return line_ ? line_->leader() : child_.pid(); }
  void check() override;
  void watch() override;
  void kill() override;
  void signal(int number, protocol::Target to, std::function<void(Status)> done) override;
  std::vector<pid_t> processes() const override;
  void account(protocol::Ended& ended) override;
  bool out_of_memory() const override { return usage_.oom_kills.value_or(0) > 0; }
  cgroup::Cell* cell() override { return cell_.valid() ? &cell_ : nullptr; }
  void detach() override;
  bool tend(bool kill) override;

 private:
  Result<process::Spawned> enter(process::SpawnSpec& spec);
  Result<process::Spawned> spawn(const process::SpawnSpec& spec);
  Status prepare(cgroup::Cell& cell, bool own_init);
  void forget_orphans();
  void tell_of_orphan(pid_t pid, process::ExitStatus status);
  void on_exit(const process::Reaped& reaped);
  void on_leader_exited(const process::StubLeaderExited& event) override;
  void on_count(std::uint64_t) override {}
  void on_orphan_exited(const process::StubOrphanExited& event) override;
  void leader_exited(process::ExitStatus status, const rusage& usage);
  bool hold();
  Status signal_all(int number, std::unordered_set<pid_t> told, Status sent);
  void signal_by_init(int number, bool all, std::function<void(Status)> done);
  void await_change();
  bool give_back();
  void look();
  void look_again_after(std::chrono::milliseconds pause);
  void tell(Look look);

  GroupContext context_;
  cgroup::Request asked_;
  bool delegate_;
  uid_t uid_;
  gid_t gid_;
  bool orphans_;         ///< told by us; else by the init, or not at all
  std::string adopted_;  ///< what they are known by
  EnclosureOwner* owner_ = nullptr;
  cgroup::Cell cell_;
  process::Child child_;            ///< the leader, or its init
  std::shared_ptr<StubLine> line_;  ///< to the init
  bool leader_exited_ = false;
  std::optional<process::StubLeaderExited> last_;  ///< the leader, in the moment of its init's end
  rusage usage_of_leader_ = {};
  cgroup::Usage usage_;
  std::vector<std::string> not_applied_;
  std::optional<Descriptor> events_;
  std::optional<asio::steady_timer> recheck_;
  bool watching_ = false;
  bool killed_ = false;
  int kills_by_init_ = 4;  ///< within 150 ms, see session::Shutdown
};

}  // namespace contained::engine
