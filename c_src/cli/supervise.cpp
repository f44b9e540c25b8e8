#include "cli/supervise.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <utility>

#include "cli/debug.hpp"
#include "cli/exit_codes.hpp"
#include "cli/report.hpp"
#include "cli/supervise_options.hpp"
#include "cli/supervise_plan.hpp"
#include "cli/words.hpp"
#include "engine/front.hpp"
#include "sink/syslog_outlet.hpp"
#include "supervise/daemon.hpp"
#include "supervise/info.hpp"
#include "supervise/pid_file.hpp"
#include "supervise/supervisor.hpp"

namespace contained::cli {
namespace {

constexpr const char* kSuperviseFooter =
    "The command is what follows, and a log command what follows its '--': it reads the command's\n"
    "stdout. Signals: TERM and INT stop both. Without -n it returns once the command runs.\n"
    "\n"
    "Examples:\n"
    "  contained supervise -n -1 -L 4.0 -- rsync -az /path/to/srcdir /path/to/destdir\n"
    "  contained supervise -e -p /run/fand.pid -- fand -- contained log --syslog fand\n"
    "  contained supervise -t 1h --memory 256M -u www -- ./worker\n"
    "\n"
    "Exit code: the command's last; 128+n by signal n, 124 by --timeout; 125 our own failure, 126 "
    "it\n"
    "cannot be executed, 127 it is not found; 1 the pid file is another supervisor's; 2 usage.\n";

// With -v, at a terminal.
void show_event(unsigned areas, const supervise::Tell& what) {
  using supervise::Event;
  const bool started = what.event == Event::kStart;
  const auto area = started || what.event == Event::kExit ? kTellSpawn : kTellSignal;
  if ((areas & area) != 0) fmt::print(stderr, "contained: {}\n", line_of(what));
  const auto* const who = what.task == supervise::Task::kCommand ? "cmd" : "log";
  if (started && (areas & kTellCgroup) != 0) tell_groups(who, static_cast<pid_t>(what.pid));
}

supervise::Order order_of(const SuperviseOptions& options) {
  supervise::Order order;
  order.policy = options.policy;
  order.command = protocol::Start(options.command.start);
  if (options.policy.has_logger) {
    order.logger.emplace(options.logger.start);
    order.logger->in = protocol::Stdin::kLink;
    order.logger->in_link = supervise::kLogLink;
    order.command.out = protocol::Output::kLink;
    order.command.out_link = supervise::kLogLink;
  }
  order.load_file = options.load_file;
  order.foreground = options.foreground;
  if (options.foreground && options.command.verbose != 0) {
    order.on_tell = [areas = options.command.verbose](const auto& what) {
      show_event(areas, what);
    };
  }
  order.pid_file = options.cmd_pid_file.value_or("");
  order.describe = describe;
  return order;
}

int front_of(const SuperviseOptions& options, supervise::Info& info, supervise::Outset& outset) {
  const auto order = order_of(options);
  engine::FrontOptions front;
  front.cgroups = options.command.cgroups;
  front.new_session = !options.foreground;
  front.work = [&](engine::asio::io_context& io, const engine::Place& place,
                   engine::FrontSignals& signals) {
    return supervise::Supervisor(io, place, signals, order, info, outset).run();
  };
  return engine::run_front(front);
}

int refuse_start(supervise::Outset& outset, const Error& error, pid_t holder) {
  const bool held = error.code == EWOULDBLOCK;
  outset.say(held ? fmt::format("{}: already running (pid {})", error.subject, holder)
                  : fmt::format("pid file: {}", describe(error)));
  const int code = held ? kNo : kRunFailed;
  outset.settle(code);
  return code;
}

// Its runs write it; that they can is known before the first.
Status try_pid_file(const std::string& path, pid_t& holder) {
  auto taken = supervise::PidFile::take(path, ::getpid(), holder);
  if (!taken) return taken.error();
  taken->remove();
  return Done{};
}

// The worker is forked from us, and comes by here too when it ends.
int guard(const SuperviseOptions& options, supervise::Info& info, supervise::Outset& outset) {
  const pid_t self = ::getpid();
  supervise::PidFile pid_file;
  if (options.pid_file) {
    pid_t holder = 0;
    auto taken = supervise::PidFile::take(*options.pid_file, self, holder);
    if (!taken) return refuse_start(outset, taken.error(), holder);
    pid_file = std::move(*taken);
  }
  if (options.cmd_pid_file) {
    pid_t holder = 0;
    const auto tried = try_pid_file(*options.cmd_pid_file, holder);
    if (!tried) return pid_file.remove(), refuse_start(outset, tried.error(), holder);
  }
  const int code = front_of(options, info, outset);
  if (::getpid() == self) pid_file.remove();
  return code;
}

// Our own words, as of a daemon that has lost its stderr. The pid is that of the pid file.
supervise::Outset::Voice syslog_voice(const SuperviseOptions& options) {
  constexpr unsigned kDaemonError = 3 * 8 + 3;
  struct Lines {
    sink::Reports reports{-1};
    sink::SyslogOutlet outlet;
    explicit Lines(const std::string& socket)
        : outlet({.ident = fmt::format("contained[{}]", ::getpid()),
                  .priority = kDaemonError,
                  .socket = socket},
                 reports) {}
  };
  const auto lines = std::make_shared<Lines>(options.syslog_socket);
  return [lines, name = options.command.start.args.front()](std::string_view text) {
    lines->outlet.write(fmt::format("{}: {}\n", name, text), sink::Moment::now());
  };
}

int run_supervise(const SuperviseOptions& options) {
  if (options.work_dir && ::chdir(options.work_dir->c_str()) < 0) {
    complain(Error::last(Stage::kChdir, *options.work_dir));
    return kRunFailed;
  }
  supervise::Info info;
  if (options.info_file) {
    const auto opened = info.open(*options.info_file, options.info_times);
    if (!opened) return complain(opened.error()), kRunFailed;
  }
  supervise::Outset outset;
  if (!options.foreground) {
    auto parted = supervise::daemonize();
    if (parted.caller) return parted.code;
    outset = std::move(parted.outset);
    outset.use(syslog_voice(options));
  }
  return guard(options, info, outset);
}

}  // namespace

void add_supervise(CLI::App& app, int& exit_code) {
  auto* const command =
      app.add_subcommand("supervise", "Run a command again whenever it ends (dmon)");
  const auto asked = std::make_shared<SuperviseOptions>();
  add_supervise_options(*command, *asked);
  command->footer(kSuperviseFooter);
  command->callback([asked, &exit_code] {
    if (asked->list_limits) return fmt::print("{}", limit_names());
    finish(*asked, command_words());
    exit_code = asked->dry_run ? print_plan(*asked) : run_supervise(*asked);
  });
}

}  // namespace contained::cli
