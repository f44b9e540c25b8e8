#include "protocol/decode_group.hpp"

#include <array>

#include "protocol/readers.hpp"

namespace contained::protocol {
namespace {

using Op = GroupControl::Op;

// Those that a command has no use for.
constexpr std::array kOps = {Named<Op>{"make", Op::kMake}, Named<Op>{"remove", Op::kRemove},
                             Named<Op>{"watch", Op::kWatch}, Named<Op>{"unwatch", Op::kUnwatch}};

}  // namespace

bool read_group(TermReader& in, GroupControl& request) {
  if (!read_number(in, 0, kMaxId, request.control.ref)) return false;
  if (!read_text(in, request.group)) return false;
  auto ahead = in;
  if (read_choice(ahead, kOps, request.op)) {
    in = ahead;
    return true;
  }
  return read_op(in, request.control);
}

}  // namespace contained::protocol
