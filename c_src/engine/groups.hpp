// Groups: what the VM asks of parent groups, and what it is told of those that it watches.
//
// The kernel tells of changes in the files of events by inotify(7) ("File Modified Notification" of
// cgroup-v2.rst): cgroup.events, memory.events and pids.events, the last on v1, too. Of v1's memory
// it tells by eventfd(2) when somebody is about to be killed for want of it; that a limit was met
// nobody tells there, and whoever wants to know looks at the statistics now and then.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "cgroup/crowd.hpp"
#include "cgroup/ground.hpp"
#include "engine/asio.hpp"
#include "engine/outbox.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

class Groups {
 public:
  /// |no_ground|: why there is nothing to ask; both must outlive it.
  Groups(asio::io_context& io, Outbox& outbox, cgroup::Ground& ground,
         const std::optional<Error>& no_ground);

  /// Answers, at once or, `kill` and `remove`, when it is done.
  void handle(const protocol::GroupControl& request);

  /// A command has been started there; |limited|: with limits of its own.
  void on_start(const std::string& group, bool limited);

 private:
  struct Watch {
    std::set<int> descriptors;                   ///< of inotify
    std::map<std::uint64_t, Descriptor> alarms;  ///< of v1, by the group's inode
    int looks = 0;  ///< to come: who is to be killed is not yet counted when an alarm rings
    cgroup::Crowd::Events told;
    bool populated = false;
    bool stale = false;    ///< something has changed since it was looked at
    bool resting = false;  ///< told a moment ago
  };
  struct End;

  void perform(cgroup::Crowd& crowd, const protocol::GroupControl& request);
  void finish(const std::shared_ptr<End>& end);
  void watch(cgroup::Crowd& crowd, std::uint32_t ref);
  void ring(const std::string& group, std::uint64_t inode);
  void unwatch(const std::string& group);
  void add_files(cgroup::Crowd& crowd, Watch& watch);
  void add_alarms(cgroup::Crowd& crowd, Watch& watch, bool below);
  void await_alarm(const std::string& group, std::uint64_t inode, Descriptor& alarm);
  void await_changes();
  void read_changes();
  void look(const std::string& group);
  void rest(const std::string& group);
  void tell(cgroup::Crowd& crowd, Watch& watch);
  void done(std::uint32_t ref, const Status& status);

  asio::io_context& io_;
  Outbox& outbox_;
  cgroup::Ground& ground_;
  const std::optional<Error>& no_ground_;
  std::map<std::string, Watch> watches_;
  std::unordered_map<int, std::string> names_;  ///< by descriptor of inotify
  std::optional<Descriptor> changes_;
};

}  // namespace contained::engine
