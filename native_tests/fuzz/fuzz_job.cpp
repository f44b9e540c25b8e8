// A job's files and the words on its control socket: what is read is written as it was, and what is
// no job or result is an error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "job/job.hpp"
#include "job/lines.hpp"
#include "job/record.hpp"

using namespace contained::job;  // NOLINT(google-build-using-namespace)

namespace {

void expect(bool held) {
  if (!held) std::abort();
}

void take_file(std::string_view text) {
  const auto record = Record::parse(text);
  if (!record) return;
  expect(record->text() == text);
  if (const auto job = job_of(*record)) {
    const auto again = job_of(record_of(*job));
    expect(again.ok() && record_of(*again).text() == record_of(*job).text());
  }
  if (const auto outcome = outcome_of(*record)) {
    const auto again = outcome_of(record_of(*outcome));
    expect(again.ok() && record_of(*again).text() == record_of(*outcome).text());
  }
}

void take_line(std::string_view line) {
  const auto words = split_words(line);
  expect(!words.empty() && split_words(join_words(words)) == words);
  (void)error_in(line);
  if (const auto ladder = parse_ladder(line)) {
    const auto again = parse_ladder(text_of(*ladder));
    expect(again.has_value() && text_of(*again) == text_of(*ladder));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  take_file(text);
  take_line(text.substr(0, text.find('\n')));
  return 0;
}
