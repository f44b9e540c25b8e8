defmodule Contained.Options.Daemon do
  @moduledoc false
  # The options that only `Contained.Daemon` has: the rows of the schema, and what their types allow.

  alias Contained.Daemon.{Events, Logging, Pressure, Ready, Sinks}
  alias Contained.Job.Files

  @max_wait 4_000_000_000

  @spec rows() :: [tuple]
  def rows do
    rows = logging() ++ output() ++ readiness() ++ policies() ++ files() ++ pausing() ++ child()
    for {name, type, default, doc} <- rows, do: {name, type, default, doc, [:daemon]}
  end

  defp logging do
    [
      {:log_output, {:daemon, :levels}, nil,
       "logs each line of the output at this level; or at a level for each stream:\n" <>
         "`[stdout: :info, stderr: :error]`, where a stream without one is not logged"},
      {:log_prefix, :string, ~s(the command and ": "), "what stands before each logged line"},
      {:log_transform, {:daemon, {:fun, 1}}, nil,
       "a function that is given each line and returns what is logged of it"},
      {:logger_metadata, {:daemon, :keyword}, "[]", "metadata of the logged lines"},
      {:logger_fun, {:daemon, :logger_fun}, nil,
       "is given each line in the place of Logger: a function of one argument, `{module, function}`, or\n" <>
         "`{module, function, arguments}` with the line before the arguments"},
      {:max_line, {:range, 1, 1_073_741_824}, "65_536",
       "bytes of a line; a longer one is logged in pieces, each but the last with a marker"}
    ]
  end

  defp output do
    [
      {:log_to, {:daemon, :sinks}, nil,
       "where the output is written without passing through the VM, one sink or a list: `{:file, path}`,\n" <>
         "`{:file, path, options}`, `{:syslog, ident, facility, level}`,\n" <>
         "`{:command, program, args, options}`, `{:fd, 1}`, `{:fd, 2}`, `:logger`. See \"Sinks\""},
      {:on_output, {:daemon, :on_output}, nil,
       "is told of each chunk of output: a pid (see `subscribe/1`), a function of stream and data, or\n" <>
         "`{module, function, arguments}` with these before the arguments"},
      {:into, :collectable, nil,
       "a collectable that the output goes into, closed when the daemon ends"},
      {:capture, :boolean, "false",
       "when true, the output is taken in any case: for those who `subscribe/1` later, and to be\n" <>
         "counted in `statistics/1`"}
    ]
  end

  defp readiness do
    [
      {:wait_for, {:daemon, {:fun, 0}}, nil,
       "a function that has to return before the program is started; what it returns does not\n" <>
         "matter. It runs in a process of its own, and `start_link/3` does not wait for it"},
      {:ready, {:daemon, :ready}, ":none",
       "when the daemon counts as ready, see \"Readiness\": #{Ready.allowed()}"},
      {:ready_timeout, {:daemon, :wait}, "30_000", "milliseconds in which it has to become so"},
      {:watchdog, {:range, 1, @max_wait}, nil,
       "milliseconds within which the program, once it is ready, has to say again and again that it is alive, by\n" <>
         "`WATCHDOG=1` of sd_notify(3). One that is silent is stopped, and has failed with the reason\n" <>
         "`:watchdog`. See \"sd_notify\""}
    ]
  end

  defp policies do
    [
      {:success_exit_codes, {:daemon, :codes}, "[0]",
       "the exit statuses that mean that all went well"},
      {:exit_status_to_reason, {:daemon, {:fun, 1}}, nil,
       "is given any other exit status and returns the daemon's exit reason; without it that is\n" <>
         "`:error_exit_status`"},
      {:backoff, {:daemon, :backoff}, nil,
       "the daemon starts the program again by itself, with growing delays: `[min: 1_000, max: 60_000,\n" <>
         "factor: 2, jitter: 0.1, reset: 60_000]`, each of them optional, or `{min, max}` or\n" <>
         "`{min, max, factor}`, in milliseconds. See \"Restarts\""},
      {:max_restarts, {:range, 0, 1_000_000_000}, nil,
       "how often it does so altogether, before it leaves the decision to its supervisor"},
      {:interval, {:range, 0, @max_wait}, nil,
       "milliseconds after which a program that ended well is started again"},
      {:max_runtime, :timeout, ":infinity",
       "milliseconds that one run of the program may take, then it is stopped"},
      {:on_timeout, {:one_of, [:restart, :stop]}, ":restart",
       "what follows that: the program is started again, or the daemon ends with the reason `:timeout`"},
      {:on_launcher_down, {:one_of, [:relaunch, :exit]}, ":relaunch",
       "what follows the end of the launcher's port program, and with it of the program: it is started\n" <>
         "again, or the daemon ends with the reason `:launcher_down`"},
      {:reload_signal, {:daemon, :signal}, ":hup", "the signal of `reload/1`"}
    ]
  end

  defp files do
    [
      {:pidfile, :string, nil,
       "a file that holds the process id of the program while it runs. It is written in one step,\n" <>
         "and a link, a file of another owner, or one that names a living process is refused"},
      {:single_instance, :string, nil,
       "a file that is locked (flock(2)) as long as the daemon lives, so that there is one of it on the\n" <>
         "machine. When another one has it, the start fails with `{:error, {:already_running, os_pid}}`, or `nil` for\n" <>
         "the process id when none stands in the file. It is made if there is none, holds the process id of the program\n" <>
         "that runs, and stays, empty"},
      {:status_file, :string, nil,
       "a file to which a line is appended for each thing that happens, for scripts: the time, what it\n" <>
         "was, the process id and the program, and of an exit how it was. Only a regular file is\n" <>
         "taken, which is made if there is none"}
    ]
  end

  defp pausing do
    [
      {:pause_above, {:daemon, :any}, nil,
       "above this the program is paused: a load average such as `4.0`, or `{:psi, :cpu, 50}`, percent\n" <>
         "of waiting for `:cpu`, `:memory` or `:io` in the last ten seconds"},
      {:resume_below, {:daemon, :any}, "that of `:pause_above`", "below this it goes on"}
    ]
  end

  defp child do
    [
      {:name, {:daemon, :name}, nil, "the name of the daemon, as for `GenServer.start_link/3`"},
      {:id, {:daemon, :any}, "Contained.Daemon", "for the child specification"},
      {:restart, {:one_of, [:permanent, :transient, :temporary]}, ":permanent",
       "for the child specification, and for `:backoff`"},
      {:shutdown, {:daemon, :shutdown}, "the time that stopping takes and 2 s",
       "for the child specification"},
      {:significant, :boolean, "false", "for the child specification"}
    ] ++ adopting()
  end

  defp adopting do
    [
      {:adopt, {:daemon, :adopt}, nil,
       "`{namespace, name}`: the program is this job, found running or started, see \"Jobs\""},
      {:on_shutdown, {:one_of, [:leave, :stop]}, ":leave",
       "with `:adopt`, what becomes of the job when the daemon is ended by others than `stop/2`"}
    ]
  end

  @backoff %{min: 1_000, max: 60_000, factor: 2, jitter: 0.1, reset: 60_000}

  @doc "As `Contained.Options.Check.check/2`, of a type `{:daemon, type}`."
  @spec check(term, term) :: Contained.Options.Check.result()
  def check(:any, value), do: {:ok, value}
  def check(:levels, nil), do: {:ok, :unset}
  def check(:levels, value), do: ok_if(Logging.levels?(value), value)
  def check(:logger_fun, value), do: ok_if(Logging.fun?(value), value)
  def check(:on_output, value), do: ok_if(Events.on_output?(value), value)
  def check({:fun, arity}, value), do: ok_if(is_function(value, arity), value)
  def check(:keyword, value), do: ok_if(Keyword.keyword?(value), value)
  def check(:ready, value), do: with({:error, _allowed} <- Ready.parse(value), do: :error)
  def check(:sinks, value), do: Sinks.parse(value)
  def check(:wait, :infinity), do: {:ok, :infinity}
  def check(:wait, value), do: ok_if(value in 1..@max_wait//1, value)
  def check(:signal, value), do: Contained.Signals.number(value)
  def check(:codes, value), do: ok_if(is_list(value) and Enum.all?(value, &code?/1), value)
  def check(:name, nil), do: {:ok, :unset}
  def check(:name, value), do: ok_if(name?(value), value)
  def check(:shutdown, value), do: ok_if(shutdown?(value), value)
  def check(:adopt, value), do: ok_if(job?(value), value)
  def check(:backoff, {min, max}), do: check(:backoff, min: min, max: max)

  def check(:backoff, {min, max, factor}),
    do: check(:backoff, min: min, max: max, factor: factor)

  def check(:backoff, value) do
    if Keyword.keyword?(value) and Keyword.keys(value) -- Map.keys(@backoff) == [],
      do: check_backoff(Map.merge(@backoff, Map.new(value))),
      else: :error
  end

  defp ok_if(true, value), do: {:ok, value}
  defp ok_if(false, _value), do: :error

  defp code?(code), do: code in 0..255

  defp name?(name) when is_atom(name), do: name not in [nil, :undefined, true, false]
  defp name?({:global, _name}), do: true
  defp name?({:via, module, _name}), do: is_atom(module)
  defp name?(_other), do: false

  defp job?({namespace, name}), do: Files.valid_name?(namespace) and Files.valid_name?(name)
  defp job?(_other), do: false

  defp shutdown?(ms) when is_integer(ms), do: ms >= 0
  defp shutdown?(other), do: other in [:infinity, :brutal_kill]

  defp check_backoff(
         %{min: min, max: max, factor: factor, jitter: jitter, reset: reset} = backoff
       ) do
    times? = Enum.all?([min, max, reset], &(&1 in 0..@max_wait))

    rates? =
      is_number(factor) and factor >= 1 and is_number(jitter) and jitter >= 0 and jitter <= 1

    ok_if(times? and rates? and min <= max, backoff)
  end

  @doc "What a type allows, for error messages."
  @spec allowed(term) :: binary
  def allowed(:levels), do: "a level of Logger such as :info, or [stdout: :info, stderr: :error]"

  def allowed(:logger_fun),
    do: "a function of one argument, {module, function} or {module, function, args}"

  def allowed(:on_output), do: "a pid, a function of two arguments or {module, function, args}"
  def allowed({:fun, 0}), do: "a function of no arguments"
  def allowed({:fun, 1}), do: "a function of one argument"
  def allowed(:keyword), do: "a keyword list"
  def allowed(:ready), do: Ready.allowed()
  def allowed(:sinks), do: "a sink such as {:file, path}, or a list of them"
  def allowed(:pressure), do: Pressure.allowed()
  def allowed(:wait), do: "milliseconds from 1 to #{@max_wait}, or :infinity"
  def allowed(:signal), do: "a signal such as :hup, or a number from 1 to 64"
  def allowed(:codes), do: "a list of exit statuses from 0 to 255"
  def allowed(:adopt), do: "{namespace, name}, each 1 to 64 of the characters A-Za-z0-9._-"
  def allowed(:name), do: "an atom, {:global, term} or {:via, module, term}"
  def allowed(:shutdown), do: "milliseconds, :infinity or :brutal_kill"

  def allowed(:backoff),
    do:
      "{min, max}, {min, max, factor} or a list of :min, :max, :factor, :jitter, :reset, min up to max"

  @doc "A type as quoted code."
  @spec typespec(term) :: Macro.t()
  def typespec(:levels), do: quote(do: Logger.level() | [{:stdout | :stderr, Logger.level()}])

  def typespec(:logger_fun),
    do: quote(do: (binary -> term) | {module, atom} | {module, atom, list})

  def typespec(:on_output), do: quote(do: pid | (term, binary -> term) | {module, atom, list})
  def typespec({:fun, 0}), do: quote(do: (() -> term))
  def typespec({:fun, 1}), do: quote(do: (term -> term))
  def typespec(:keyword), do: quote(do: keyword)
  def typespec(:wait), do: quote(do: timeout)
  def typespec(:signal), do: quote(do: atom | 1..64)
  def typespec(:codes), do: quote(do: [0..255])
  def typespec(:name), do: quote(do: GenServer.name())
  def typespec(:shutdown), do: quote(do: timeout | :brutal_kill)
  def typespec(:backoff), do: quote(do: keyword | tuple)
  def typespec(_term), do: quote(do: term)
end
