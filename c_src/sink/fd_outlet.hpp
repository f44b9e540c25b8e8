// FdOutlet: a descriptor that was inherited: the VM's own output, a pipe to it, or a link to
// another program. A slow reader is waited for.
#pragma once

#include <string_view>

#include "sink/format.hpp"
#include "sink/options.hpp"
#include "sink/outlet.hpp"
#include "sink/report.hpp"

namespace contained::sink {

class FdOutlet : public Outlet {
 public:
  FdOutlet(const FdOptions& options, Reports& reports);

  Status open() override;
  void write(std::string_view text, const Moment& now) override;
  void finish(const Moment&) override { trouble_.end(); }

 private:
  int fd_;
  Format format_;
  Trouble trouble_;
};

}  // namespace contained::sink
