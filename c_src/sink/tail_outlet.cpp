#include "sink/tail_outlet.hpp"

#include <algorithm>

namespace contained::sink {

void TailOutlet::write(std::string_view text, const Moment&) {
  text.remove_prefix(text.size() - std::min(text.size(), kMost));
  if (tail_.size() + text.size() > kMost) tail_.erase(0, tail_.size() + text.size() - kMost);
  tail_ += text;
}

void TailOutlet::finish(const Moment& now) {
  fd_.write(tail_, now);
  fd_.finish(now);
}

}  // namespace contained::sink
