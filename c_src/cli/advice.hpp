// What a person can do about an error.
#pragma once

#include <string_view>

#include "base/error.hpp"

namespace contained::cli {

/// A part of a sentence; empty where we know nothing that the error does not say.
std::string_view advice_on(const Error& error);

}  // namespace contained::cli
