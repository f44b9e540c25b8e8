#include "cli/sink.hpp"

#include <vector>

#include "cli/words.hpp"
#include "sink/sink.hpp"

namespace contained::cli {

void add_sink(CLI::App& app, int& exit_code) {
  auto* const command = app.add_subcommand("sink", "Writes stdin to logs");
  command->group("")->prefix_command();
  command->callback([&exit_code] {
    std::vector<char*> words;
    for (auto& word : command_words()) words.push_back(word.data());
    exit_code = sink::run(words);
  });
}

}  // namespace contained::cli
