// StubLine: the worker's end of the line to a stub or an init, see process/stub.hpp.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "base/unique_fd.hpp"
#include "engine/asio.hpp"
#include "process/stub.hpp"

namespace contained::engine {

/// Who is told what it tells.
class StubLineOwner {
 public:
  virtual ~StubLineOwner() = default;
  virtual void on_leader_exited(const process::StubLeaderExited& event) = 0;
  virtual void on_count(std::uint64_t processes) = 0;
  virtual void on_orphan_exited(const process::StubOrphanExited& event) = 0;
};

class StubLine : public std::enable_shared_from_this<StubLine> {
 public:
  using Answered = std::function<void(Status)>;

  /// |owner| is kept by who calls close() before it goes.
  StubLine(asio::io_context& io, UniqueFd control, StubLineOwner& owner);

  /// To be called once, when it is in its shared_ptr.
  void wait();

  /// The leader's pid. It is the first that is told, before the end of the exec status pipe; 0 when
  /// it has not come.
  pid_t leader();

  /// Reads what has been told and not been read yet.
  void read_events();

  /// |done| is called once, at the latest by close() (ESRCH).
  void signal(int number, bool leader_only, Answered done);

  bool open() const { return control_.has_value(); }
  void count();
  void kill();
  void close();

 private:
  void on(const process::StubLeader& event) { leader_ = event.pid; }
  void on(const process::StubLeaderExited& event) { owner_.on_leader_exited(event); }
  void on(const process::StubSignaled& event);
  void on(const process::StubCount& event) { owner_.on_count(event.processes); }
  void on(const process::StubOrphanExited& event) { owner_.on_orphan_exited(event); }
  void on(const process::StubClosed&) { close(); }

  StubLineOwner& owner_;
  std::optional<Descriptor> control_;
  pid_t leader_ = 0;
  std::deque<Answered> signals_;
};

}  // namespace contained::engine
