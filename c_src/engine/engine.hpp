// Engine: the worker's loop. Requests come in from the VM, sessions live in a table, events go out.
#pragma once

#include <memory>

#include "base/unique_fd.hpp"
#include "engine/asio.hpp"
#include "engine/groups.hpp"
#include "engine/household.hpp"
#include "engine/live.hpp"
#include "engine/outbox.hpp"
#include "engine/sweeper.hpp"
#include "protocol/frame.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

/// What the worker was started with. The guardian's parent is erl_child_setup.
struct Setup {
  UniqueFd from_vm;
  UniqueFd to_vm;
  Place place;
};

inline constexpr int kExitProtocol = 3;

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
  void on_vm_gone();
  void close(int exit_code);

  asio::io_context& io_;
  Setup setup_;
  Descriptor from_vm_;
  protocol::FrameReader reader_;
  Outbox outbox_;
  Household household_;
  Groups groups_;
  Mode mode_ = Mode::kGreeting;
  int exit_code_ = kExitOk;
};

}  // namespace contained::engine
