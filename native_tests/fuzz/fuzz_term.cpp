// One payload: what check_term() passes, the reader and ei must be able to walk, and a request that
// is refused must be one we can answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/term.hpp"

using namespace contained::protocol;  // NOLINT(google-build-using-namespace)

namespace {

void expect(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const bool good = check_term(bytes).ok();
  auto request = decode(bytes);
  expect(request.ok() == good);
  if (!good) return 0;
  int index = 1;
  expect(ei_skip_term(bytes.data(), &index) == 0 && static_cast<std::size_t>(index) == size);
  if (const auto* unusable = std::get_if<Unusable>(&*request)) {
    const auto answer = encode(Refused{unusable->id, unusable->request, unusable->reason});
    expect(check_term(std::string_view(answer).substr(kLengthSize)).ok());
  }
  return 0;
}
