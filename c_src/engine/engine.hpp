// Engine: the worker's loop. Requests come in from the VM, sessions live in a table, events go out.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.hpp"
#include "cgroup/ground.hpp"
#include "engine/asio.hpp"
#include "engine/environment.hpp"
#include "engine/groups.hpp"
#include "engine/live.hpp"
#include "engine/outbox.hpp"
#include "engine/reaper.hpp"
#include "engine/sweeper.hpp"
#include "protocol/frame.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

/// What the worker was started with.
struct Setup {
  UniqueFd from_vm;
  UniqueFd to_vm;
  pid_t guardian = 0;
  pid_t vm_side = 0;  ///< the guardian's parent, erl_child_setup
  cgroup::Ground* ground = nullptr;
  std::optional<Error>
      no_ground;  ///< why nothing can be started: the containment asked for is not there
};

inline constexpr int kExitOk = 0;
inline constexpr int kExitProtocol = 3;
inline constexpr int kExitInternal = 70;

class Engine {
 public:
  Engine(asio::io_context& io, Setup setup);

  /// Runs until everything has ended. Returns the exit code.
  int run();

 private:
  enum class Mode : std::uint8_t { kGreeting, kServing, kClosing };

  void read_requests();
  void on_readable();
  void on_frame(std::string_view frame);
  bool take_frames();

  void handle(const protocol::Hello& request);
  void handle(const protocol::Start& request);
  void handle(const protocol::Input& request);
  void handle(const protocol::CloseInput& request);
  void handle(const protocol::Credit& request);
  void handle(const protocol::Signal& request);
  void handle(const protocol::Stop& request);
  void handle(const protocol::Control& request);
  void handle(const protocol::GroupControl& request);
  void handle(const protocol::OpenLink& request);
  void handle(const protocol::CloseLink& request);
  void handle(const protocol::Ping& request);
  void handle(const protocol::Shutdown& request);
  void handle(const protocol::Unusable& request);

  void refuse_link(std::string_view request, std::string_view reason);
  void sweep(std::uint32_t ref, const std::shared_ptr<Sweeper>& sweeper);
  std::shared_ptr<Live> find(protocol::Id id, std::string_view request);
  void watch_guardian();
  void watch_process(pid_t pid, std::unique_ptr<Descriptor>& slot, void (Engine::*on_gone)());
  void check_guardian();
  void on_signal(int number);
  void on_guardian_gone();
  void on_vm_gone();
  void close(int exit_code);
  void on_over(protocol::Id id, Leftover leftover);
  void tend_leftovers();
  void tend_leftovers_later();
  void end_if_empty();

  asio::io_context& io_;
  Setup setup_;
  Descriptor from_vm_;
  protocol::FrameReader reader_;
  UniqueFd null_;
  Environment environment_;
  Links links_;
  Sealer sealer_;
  process::Refused refused_;
  Outbox outbox_;
  Reaper reaper_;
  Groups groups_;
  Shared shared_;
  std::unordered_map<protocol::Id, std::shared_ptr<Live>> sessions_;
  std::vector<Leftover> leftovers_;
  asio::steady_timer leftover_timer_;
  asio::steady_timer guardian_timer_;
  asio::steady_timer end_timer_;
  std::unique_ptr<Descriptor> guardian_gone_;
  std::unique_ptr<Descriptor> vm_side_gone_;
  int guardian_stopped_ticks_ = 0;
  int end_rounds_ = 0;
  bool guardian_watched_ = false;
  Mode mode_ = Mode::kGreeting;
  int exit_code_ = kExitOk;
};

}  // namespace contained::engine
