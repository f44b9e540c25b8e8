// Supervisor: a worker's life that does what its Machine decides, with the commands of a Household.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/asio.hpp"
#include "engine/front.hpp"
#include "engine/household.hpp"
#include "engine/receiver.hpp"
#include "protocol/message.hpp"
#include "supervise/daemon.hpp"
#include "supervise/info.hpp"
#include "supervise/machine.hpp"
#include "supervise/pid_file.hpp"
#include "supervise/policy.hpp"

namespace contained::supervise {

/// The name of the pipe from the command to the logger.
inline constexpr const char* kLogLink = "log";

struct Order {
  Policy policy;
  protocol::Start command;
  std::optional<protocol::Start> logger;  ///< with Policy::has_logger
  std::string load_file = "/proc/loadavg";
  std::string pid_file;  ///< of the command; empty: none
  bool foreground = false;
  std::function<void(const Tell& what)> on_tell;          ///< hears what Info is told, if set
  std::string (*describe)(const Error& error) = nullptr;  ///< for a person to read
};

class Supervisor final : private engine::Receiver {
 public:
  /// All must outlive it.
  Supervisor(engine::asio::io_context& io, const engine::Place& place,
             engine::FrontSignals& signals, const Order& order, Info& info, Outset& outset);

  /// Until it is over; returns the exit code.
  int run();

 private:
  void send(const protocol::Event& event) override;
  void hear(const protocol::Started& event);
  void hear(const protocol::Failed& event);
  void hear(const protocol::Ended& event);
  void hear(const protocol::Answer& event);
  template <class Other>
  void hear(const Other&) {}

  void feed(const Fact& fact);
  void perform(const Launch& action);
  void perform(const Stop& action);
  void perform(const Arm& action);
  void perform(const Disarm& action);
  void perform(const Pause&);
  void perform(const Resume&);
  void perform(const Send& action);
  void perform(const EndInput&);
  void perform(const Tell& action);
  void perform(const GiveUp&);
  void perform(const Finish& action);

  protocol::Ladder ladder_of(const Stop& action) const;
  void start(Task task);
  void start_later(Task task);
  void not_started(Task task, const Error& error);
  void note_pid(const Tell& what);
  void on_signal(int number);
  void on_group_signal(int number);
  bool hung_up() const;
  void control_command(protocol::Control::Op op);
  void watch_load();
  std::shared_ptr<engine::Live> live(Task task) const;

  engine::asio::io_context& io_;
  const Order& order_;
  Info& info_;
  Outset& outset_;
  engine::FrontSignals& signals_;
  engine::Household household_;
  Machine machine_;
  std::map<protocol::Id, Task> tasks_;
  std::array<protocol::Id, kTasks> ids_ = {};
  protocol::Id last_id_ = 0;
  std::array<engine::asio::steady_timer, kTimers> timers_;
  std::array<std::uint64_t, kTimers> armed_ = {};
  engine::asio::steady_timer load_timer_;
  std::array<engine::asio::steady_timer, kTasks> retry_timers_;
  bool at_terminal_ = false;
  bool frozen_by_signal_ = false;
  bool told_of_leftovers_ = false;
  bool told_of_info_ = false;
  PidFile pid_file_;
  int code_ = 0;
};

}  // namespace contained::supervise
