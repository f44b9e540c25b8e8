// What of the machine a command does not share, in the specification of a `start` request.
#pragma once

#include <vector>

#include "protocol/message.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {

// Each reads one value as README.md, "Spec", has it; false when it is of another shape.
bool read_namespaces(TermReader& in, Start& start);
bool read_pid_init(TermReader& in, Start& start);
bool read_binds(TermReader& in, Start& start);
bool read_tmpfs(TermReader& in, Start& start);
bool read_network(TermReader& in, Start& start);
bool read_time_offsets(TermReader& in, Start& start);
bool read_id_map(TermReader& in, std::vector<IdMap>& out);

}  // namespace contained::protocol
