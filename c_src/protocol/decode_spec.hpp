// The specification in a `start` request.
#pragma once

#include <cstddef>

#include "protocol/message.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {

/// Reads |pairs| pairs of the map that |in| stands in, as README.md, "Spec", has them. False for an
/// unknown key, one given twice, a value of another shape, and when `program` or `args` is missing.
bool read_spec(TermReader& in, std::size_t pairs, Start& start);

}  // namespace contained::protocol
