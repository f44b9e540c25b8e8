#include "protocol/decode_group.hpp"

#include <array>

#include "protocol/readers.hpp"

namespace contained::protocol {
namespace {

using GroupOp = GroupControl::Op;

// Those that a command has no use for.
constexpr std::array kGroupOps = {
    Named<GroupOp>{"make", GroupOp::kMake}, Named<GroupOp>{"remove", GroupOp::kRemove},
    Named<GroupOp>{"watch", GroupOp::kWatch}, Named<GroupOp>{"unwatch", GroupOp::kUnwatch}};

}  // namespace

bool read_group(TermReader& in, GroupControl& request) {
  if (!read_number(in, 0, kMaxId, request.control.ref)) return false;
  if (!read_text(in, request.group)) return false;
  auto ahead = in;
  if (read_choice(ahead, kGroupOps, request.op)) {
    in = ahead;
    return true;
  }
  return read_op(in, request.control);
}

}  // namespace contained::protocol
