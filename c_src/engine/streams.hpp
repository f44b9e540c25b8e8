// Streams: the piped descriptors of one command, both ways, under byte credit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/asio.hpp"
#include "engine/feeder.hpp"
#include "engine/pipes.hpp"
#include "engine/pump.hpp"
#include "engine/receiver.hpp"
#include "protocol/message.hpp"
#include "session/window.hpp"

namespace contained::engine {

class StreamsOwner {
 public:
  virtual ~StreamsOwner() = default;
  virtual void on_stream_end() = 0;  ///< once for each output stream
  virtual void on_overflow() = 0;    ///< there is more than `max_output`
};

class Streams : private PumpOwner {
 public:
  /// |owner| must outlive it.
  Streams(asio::io_context& io, Receiver& receiver, const protocol::Start& request,
          StreamsOwner& owner);
  ~Streams() override;
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  void open(Pipes&& pipes);

  /// The program runs: output may be told from now on.
  void begin();

  /// Sends what is left without credit; nothing left counts as the end.
  void drain();

  /// Closes the output streams, each answered by on_stream_end().
  void discard();

  /// Nobody reads any more: output is read and dropped, so that the command can end.
  void abandon();

  // Requests: why they are refused, in the protocol's words; empty when they are not.
  std::string_view input(const protocol::Input& request);
  std::string_view close_input(int fd);
  std::string_view credit(const protocol::Credit& request);

  /// ENOTTY when the command has no terminal.
  Status resize(const protocol::TerminalSize& size) const;

  /// Bytes told.
  std::uint64_t sent(protocol::Stream stream) const;

 private:
  struct Lane {  ///< one output stream
    protocol::Stream stream;
    std::shared_ptr<Pump> pump;
    session::Window window;
    std::uint64_t sent = 0;
  };

  struct Mouth : FeederOwner {  ///< one input
    Mouth(Streams& owner, int fd) : streams(owner), number(fd) {}
    void on_fed(std::size_t bytes) override;
    void on_input_closed(int code) override;

    Streams& streams;
    int number;
    UniqueFd silent;  ///< held, never written
    std::shared_ptr<Feeder> feeder;
  };

  Allowance allowance(protocol::Stream stream) override;
  void on_taken(protocol::Stream stream, std::size_t bytes) override;
  void on_stream_end(protocol::Stream stream) override;
  void on_overflow() override { owner_.on_overflow(); }

  Lane* lane(protocol::Stream stream);
  Feeder* feeder(int number);
  void for_each_pump(void (Pump::*method)());

  asio::io_context& io_;
  Receiver& receiver_;
  StreamsOwner& owner_;
  protocol::Id id_;
  std::uint64_t window_;
  std::optional<std::uint64_t> max_output_;
  std::uint64_t all_sent_ = 0;
  std::vector<Lane> lanes_;
  std::vector<std::unique_ptr<Mouth>> mouths_;
  UniqueFd terminal_;
  bool begun_ = false;
  bool draining_ = false;
  bool abandoned_ = false;
};

}  // namespace contained::engine
