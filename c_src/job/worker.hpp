// Worker: the life of one job in its keeper's worker. First its log is opened, then it is started;
// when it and all its descendants have ended and the log is written, the result is.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "engine/front.hpp"
#include "engine/household.hpp"
#include "engine/live.hpp"
#include "job/keeper.hpp"
#include "job/logger.hpp"
#include "job/server.hpp"

namespace contained::job {

class Worker : private engine::Receiver {
 public:
  /// How the start went is written to |told|: "started PID" or "failed STAGE ERRNO SUBJECT".
  Worker(engine::asio::io_context& io, const engine::Place& place, const Plan& plan, int directory,
         UniqueFd told);

  /// Returns the exit code, see run() of keeper.hpp.
  int run(engine::FrontSignals& signals);

 private:
  enum class Phase : std::uint8_t { kOpening, kStarting, kRunning, kEnding, kOver };

  void send(const protocol::Event& event) override;
  void on(const protocol::Started& started);
  void on(const protocol::Failed& failed);
  void on(const protocol::Ended& ended);
  void on(const protocol::Answer& answer);
  void on(const protocol::Signaled& signaled);
  void on(const protocol::Stuck&);
  template <class Other>
  void on(const Other&) {}

  Status open();
  void start_command();
  void announce(const protocol::Answer& places);
  void fail(const Error& error);
  void finish();
  void end();
  void on_signal(int number);

  void on_request(const std::vector<std::string>& words, const Server::Reply& reply);
  bool answer_at_once(const std::vector<std::string>& words, const Server::Reply& reply);
  void ask(protocol::Control request, const Server::Reply& reply);
  void pass_signal(const std::vector<std::string>& words, const Server::Reply& reply);
  void stop(const std::vector<std::string>& words, const Server::Reply& reply);
  std::vector<std::string> status() const;

  std::shared_ptr<engine::Live> command() const { return household_.find(kCommand); }
  void tell(const std::string& line);

  static constexpr protocol::Id kCommand = 1;

  engine::asio::io_context& io_;
  const Plan& plan_;
  int directory_;
  UniqueFd told_;
  Job job_;
  engine::Household household_;
  Server server_;
  std::optional<Logger> logger_;
  std::optional<Outcome> outcome_;
  std::map<std::uint32_t, Server::Reply> replies_;
  std::queue<Server::Reply> signal_replies_;
  std::uint32_t last_ref_ = 0;
  int exit_code_ = 0;
  Phase phase_ = Phase::kOpening;
};

}  // namespace contained::job
