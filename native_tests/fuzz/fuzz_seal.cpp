// The value of `seccomp` in a start request, down to the program for the kernel: whatever is
// decoded must be compiled, or be refused at the stage of that name.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/sealer.hpp"
#include "protocol/codec.hpp"

using namespace std::string_view_literals;

namespace {

// {start, 1, #{program => <<"/b">>, args => [<<"b">>], seccomp => ...
constexpr auto kBefore =
    "\x83\x68\x03\x77\x05"
    "start\x61\x01\x74\x00\x00\x00\x03"
    "\x77\x07program\x6d\x00\x00\x00\x02/b"
    "\x77\x04"
    "args\x6c\x00\x00\x00\x01\x6d\x00\x00\x00\x01"
    "b\x6a"
    "\x77\x07seccomp"sv;

// libseccomp's time grows with the cube of the conditions.
constexpr std::size_t kEnough = 2048;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kEnough) return 0;
  auto frame = std::string(kBefore).append(reinterpret_cast<const char*>(data), size);
  const auto request = contained::protocol::decode(frame);
  if (!request) return 0;
  const auto* start = std::get_if<contained::protocol::Start>(&request.value());
  if (start == nullptr) return 0;
  contained::engine::Sealer sealer;
  const auto seal = sealer.seal(start->seal);
  if (!seal && seal.error().stage != contained::Stage::kSeccomp) std::abort();
  if (seal && seal.value().filter->empty()) std::abort();
  return 0;
}
