// What went wrong, for a person to read: one line on stderr.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace contained::cli {

/// "contained: <what>: <why>" and a newline, by one write.
void complain(std::string_view what, std::string_view why);
void complain(const Error& error);

/// "/no/such: No such file or directory", and what to do about it where we know.
std::string describe(const Error& error);

/// Writes all of |text| to stdout, also where that does not block.
Status put_out(std::string_view text);

/// The same; what it could not do is complained of.
bool print(std::string_view text);

}  // namespace contained::cli
