// SyslogOutlet: each line a datagram of RFC 3164 to the local syslog daemon.
//
// A line longer than a packet of 1024 bytes is sent as several. A daemon that does not keep up is
// waited for a second, then it is in trouble, and lines are dropped as long as it is; with Policy
// kBlock it is waited for without end. A daemon that was restarted is found again.
#pragma once

#include <string>
#include <string_view>

#include "base/unique_fd.hpp"
#include "sink/options.hpp"
#include "sink/outlet.hpp"
#include "sink/report.hpp"

namespace contained::sink {

class SyslogOutlet : public Outlet {
 public:
  SyslogOutlet(SyslogOptions options, Reports& reports);

  Status open() override { return connect(); }
  void write(std::string_view text, const Moment& now) override;
  void reopen(const Moment&) override { (void)connect(); }
  void finish(const Moment& now) override;

 private:
  Status connect();
  void set_header(const Moment& now);
  void send_line(std::string_view line, const Moment& now);
  void send_packet(std::string_view text, const Moment& now);
  int try_to_send();
  bool wait_for_room();
  void print_on_console() const;

  SyslogOptions options_;
  Trouble trouble_;
  UniqueFd socket_;
  std::string header_;
  std::string packet_;
  std::string pending_;  ///< a line whose end has not come yet
};

}  // namespace contained::sink
