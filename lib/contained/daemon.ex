defmodule Contained.Daemon do
  @moduledoc ~S"""
             An OS process as a child of a supervisor.

                 children = [
                   {Contained.Daemon, ["redis-server", ["--port", "6380"], [ready: {:tcp, 6380}, log_output: :info]]},
                   {Contained.Daemon, command: "sidecar", args: ["-v"], id: :sidecar, limits: [memory: "64M"]}
                 ]

                 Supervisor.start_link(children, strategy: :rest_for_one)

             The daemon is a process of the VM that starts the program, takes its output, and ends when it ends. When
             the daemon ends, for whatever reason, the program and all its descendants are stopped; when the whole VM is
             killed, too. It takes the options of `MuonTrap.Daemon` as they are, and returns the same.

             ## Life

             `start_link/3` returns when the program has been executed, or when it is ready (see "Readiness").
             What makes a start impossible is an error of `start_link/3`: `{:error, %Contained.Error{}}`,
             `{:error, {:enoent, stacktrace}}` for a program that is not found,
             `{:error, {:already_running, os_pid}}` by `:single_instance`, and `{:error, {%ArgumentError{}, stacktrace}}` for wrong
             options.

             When the program exits with status 0 (`:success_exit_codes`) the daemon ends with the reason `:normal`, else with
             `:error_exit_status`, or what `:exit_status_to_reason` makes of the status. For a program that was killed by a
             signal the status is 128 plus its number. So `restart: :transient` means: until it has ended well.

             A supervisor that stops the daemon waits until the program and all its descendants are dead, as
             `GenServer.stop/1` and `stop/2` do: first comes the ladder of `:stop_signal`, then SIGKILL. The child
             specification has a `:shutdown` that is long enough for that.
             A daemon that was killed (`:brutal_kill`) cannot wait. Its program is stopped all the same, and
             the next start of the same *slot* is held back until it has ended: two generations never run at the same
             time. Daemons are of the same slot when they have the same `:name`; or the same supervisor and the same
             `:id`, or without one the same command.

             ## Restarts

             Without further options it is the supervisor who restarts, as `:restart` and its restart
             intensity say. With `:backoff` the daemon starts the program again by itself, with growing delays, and spends none
             of that intensity: after every exit when `restart: :permanent` (the default), after failures alone when
             `restart: :transient`. A run of `reset` milliseconds makes the next delay the first again. After
             `:max_restarts` it ends like a daemon without.

             `:interval` starts a program that has ended well again after so long; `:max_runtime` stops each run after so
             long. When the port program of the launcher dies, and all that it has started with it, the daemon starts its program again as
             soon as there is a new one (`:on_launcher_down`).

             ## Readiness

             Supervisors start their children in order, each when the one before has started. `:ready` says when
             that is:

               * `:none` - at once
               * `:notify` - when the program says so by sd_notify(3), see below
               * `{:output, regex}` - when a line of the output matches
               * `{:tcp, port}`, `{:tcp, {host, port}}`, `{:unix, path}` - when there is somebody to connect to
               * `{:file, path}` - when it exists
               * `{:after, ms}` - when the program has lived so long
               * a function - when it returns a truthy value; it is called again and again, in a process of its own

             A program that ends before, or is not ready within `:ready_timeout`, is stopped, and the error of
             `start_link/3` holds what it wrote in its `:result`, the last 64 KiB of each stream; 8 KiB when the output goes to
             `:log_to` alone, and nothing when that is a single command or `{:fd, 1}`. With `:wait_for` the start does not wait; then there is
             `await_ready/2`.

             ## sd_notify

             With `ready: :notify` or `:watchdog` the program finds a socket in its variable `NOTIFY_SOCKET`, as under systemd, and
             what it or a descendant of it says there is heard (sd_notify(3)):

               * `READY=1` - it is ready, for `ready: :notify`
               * `STATUS=text` - for `info/1`, and an event, as are `RELOADING=1` and `STOPPING=1`
               * `WATCHDOG=1`, `WATCHDOG=trigger`, `WATCHDOG_USEC=microseconds` - for `:watchdog`
               * `EXTEND_TIMEOUT_USEC=microseconds` - `:ready_timeout` does not end before
               * `BARRIER=1` - answered when all before it has been heard
               * `MAINPID=` and `FDSTORE=` are ignored, with a line in the log: the program is the one that was started
               * any other is an event `{:notified, fields}`

             `:watchdog` sets `WATCHDOG_USEC`, not `WATCHDOG_PID`. From its readiness on a program that says `WATCHDOG=1` less often than
             that is stopped by the ladder of `:stop_signal`, and has failed with the reason `:watchdog`: the daemon ends with it, or goes
             by `:backoff`. Paused programs are not missed.

             ## Output

             What nobody has asked for goes to `/dev/null` and does not pass through the VM. It is taken for
             `:log_output`, `:logger_fun`, `:on_output`, `:into`, `:capture`, `:max_output`, and for `:ready`. The program waits
             when more than `:window` bytes (`:stdio_window`) have not been taken. stderr goes to that of the VM
             unless `:stderr`, `:stderr_to_stdout` or `:capture_stderr_only` is given, or `:log_output` has a level for it.

             ## Sinks

             `:log_to` has the output written by helper processes, which costs the VM nothing and goes on while it is
             busy; see the guide "Logs of daemons".

             ## Options

             """ <> Contained.Options.docs(:daemon)

  alias Contained.{Cgroup, Error, Options, Process, Signals}
  alias Contained.Daemon.{Config, Live, Starter}

  @typedoc "An option of `start_link/3`."
  @type option :: unquote(Options.typespec(:daemon))

  @typedoc "What subscribers are told, as `{Contained.Daemon, daemon, event}`."
  @type event ::
          {:started, os_pid :: pos_integer}
          | :ready
          | {:output, :stdout | :stderr | {:fd, 3..63}, binary}
          | :paused
          | :resumed
          | :reloading
          | :stopping
          | :watchdog
          | {:status, binary}
          | {:notified, %{optional(binary) => binary}}
          | {:signal, atom | 32..64, :all | :leader}
          | {:limit_hit, atom}
          | {:sink, map}
          | :oom
          | {:orphan_exit, os_pid :: pos_integer, Contained.Result.exit()}
          | {:exited, Contained.Result.t()}
          | {:stopped, reason :: term}

  ## Starting

  @doc """
  A child specification of `[command, args]`, `[command, args, options]`, or a keyword list with
  `:command` and `:args` among the options.

  `:id`, `:restart`, `:shutdown` and `:significant` may be among the options in each form.
  """
  @spec child_spec(list) :: Supervisor.child_spec()
  def child_spec([command, args]) when is_binary(command), do: child_spec([command, args], [])

  def child_spec([command, args, opts]) when is_binary(command) and is_list(opts),
    do: child_spec([command, args, opts], opts)

  def child_spec(opts) when is_list(opts) do
    if Keyword.keyword?(opts) and Keyword.has_key?(opts, :command),
      do: child_spec([opts], opts),
      else: raise(ArgumentError, unknown_form(opts))
  end

  defp child_spec(start_args, opts) do
    spec = %{
      id: Keyword.get(opts, :id, __MODULE__),
      start: {__MODULE__, :start_link, start_args},
      type: :worker,
      restart: Keyword.get(opts, :restart, :permanent),
      shutdown: Keyword.get_lazy(opts, :shutdown, fn -> Config.shutdown(opts) end)
    }

    Map.merge(spec, Map.new(Keyword.take(opts, [:significant])))
  end

  defp unknown_form(form) do
    "expected [command, args], [command, args, options] or a keyword list with :command, got: " <>
      inspect(form)
  end

  @doc "Starts a daemon from a keyword list with `:command`, and `:args` if there are any."
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(opts) when is_list(opts) do
    {command, opts} = Keyword.pop(opts, :command)
    {args, opts} = Keyword.pop(opts, :args, [])
    start_link(command, args, opts)
  end

  @doc "Starts `command` with `args`, linked to the calling process. For the options see above."
  @spec start_link(binary, [binary], [option]) :: GenServer.on_start()
  def start_link(command, args, opts \\ []), do: Starter.start_link(command, args, opts)

  ## Life

  @doc """
  Stops the program and then the daemon, with the reason `:normal`. Returns when the program and all
  its descendants are dead. Under a supervisor a `:permanent` daemon is then started again.

  The ladder is that of `:stop_signal`, or one of signals with the milliseconds to wait after each.
  """
  @spec stop(GenServer.server(), :default | [{Process.signal(), non_neg_integer}]) :: :ok
  def stop(daemon, ladder \\ :default)
  def stop(daemon, :default), do: GenServer.call(daemon, {:stop, :default}, :infinity)

  def stop(daemon, ladder) when is_list(ladder) do
    rungs =
      for {signal, ms} when is_integer(ms) and ms >= 0 <- ladder,
          do: {Signals.number!(signal), ms}

    if length(rungs) < length(ladder),
      do:
        raise(
          ArgumentError,
          "a stop ladder is a list of {signal, milliseconds}, got: #{inspect(ladder)}"
        )

    GenServer.call(daemon, {:stop, rungs}, :infinity)
  end

  @doc """
  Stops the program and starts it again, whatever the policies say. Returns when the new one is
  ready.
  """
  @spec restart(GenServer.server(), timeout) :: :ok | {:error, term}
  def restart(daemon, timeout \\ 60_000), do: wait(daemon, :restart, timeout)

  @doc "Waits until the daemon is ready, see `:ready`."
  @spec await_ready(GenServer.server(), timeout) :: :ok | {:error, term}
  def await_ready(daemon, timeout \\ 60_000), do: wait(daemon, :await_ready, timeout)

  defp wait(daemon, what, timeout) do
    GenServer.call(daemon, what, timeout)
  catch
    :exit, {reason, {GenServer, :call, _}} -> {:error, reason}
  end

  @doc """
  What the daemon is and does: `:program`, `:args`, `:name`, `:state` (`:waiting`, `:starting`, `:running`,
  `:stopping`, `:backing_off`), `:ready`, `:paused` (`nil`, `:hand`, `:pressure`), `:os_pid`,
  `:restarts`, `:uptime_ms`, `:last_result`, how the run before ended, and `:status`, what the program says of
  itself (`STATUS=` of sd_notify(3)), or `nil`.
  """
  @spec info(GenServer.server()) :: map
  def info(daemon), do: GenServer.call(daemon, :info)

  @doc """
  Tells the calling process what happens from now on, as `{Contained.Daemon, daemon, event}`, see
  `t:event/0`. Output is among it if it is taken at all, see "Output".
  """
  @spec subscribe(GenServer.server()) :: :ok
  def subscribe(daemon), do: GenServer.call(daemon, {:subscribe, self()})

  @doc "No longer tells the calling process."
  @spec unsubscribe(GenServer.server()) :: :ok
  def unsubscribe(daemon), do: GenServer.call(daemon, {:unsubscribe, self()})

  ## The program

  @doc "The process id of the program, `:error` when it does not run."
  @spec os_pid(GenServer.server()) :: pos_integer | :error
  def os_pid(daemon) do
    case session(daemon) do
      {:ok, process} -> Process.os_pid(process)
      {:error, :not_running} -> :error
    end
  end

  @doc "Sends a signal to the program and its descendants, or to the program itself (`:leader`)."
  @spec signal(GenServer.server(), Process.signal(), :all | :leader) :: :ok | {:error, atom}
  def signal(daemon, signal, target \\ :all) when target in [:all, :leader] do
    number = Signals.number!(signal)

    with {:ok, process} <- GenServer.call(daemon, {:signal, number, target}),
         do: Process.signal(process, number, target)
  end

  @doc "Sends the program itself the signal of `:reload_signal`, SIGHUP."
  @spec reload(GenServer.server()) :: :ok | {:error, atom}
  def reload(daemon), do: signal(daemon, GenServer.call(daemon, :reload_signal), :leader)

  @doc "Has the files of `:log_to` opened anew, after they were renamed by others."
  @spec reopen(GenServer.server()) :: :ok
  def reopen(daemon), do: GenServer.call(daemon, :reopen)

  @doc "Writes to the program's stdin, which takes `stdin: :pipe`. See `Contained.Process.write/2`."
  @spec write(GenServer.server(), iodata) :: :ok | {:error, atom}
  def write(daemon, data),
    do: with({:ok, process} <- session(daemon), do: Process.write(process, data))

  @doc "Ends the program's input, after what has been written."
  @spec close_stdin(GenServer.server()) :: :ok | {:error, atom}
  def close_stdin(daemon),
    do: with({:ok, process} <- session(daemon), do: Process.close_stdin(process))

  # Freezing gives up after five seconds; two may be before this one.
  @pause_timeout 30_000

  @doc "Stops all processes of the program where they are. They can still be stopped for good."
  @spec pause(GenServer.server()) :: :ok | {:error, term}
  def pause(daemon), do: GenServer.call(daemon, :pause, @pause_timeout)

  @doc "Lets a paused program go on, also one that was paused by `:pause_above`."
  @spec resume(GenServer.server()) :: :ok | {:error, term}
  def resume(daemon), do: GenServer.call(daemon, :resume, @pause_timeout)

  @doc """
  Counts: `:output_byte_count` and, by stream, `:output_bytes` of what the VM took; `:sink_bytes`, `:sink_dropped` and
  `:sink_restarts` of `:log_to`, where one command or `{:fd, 1}` alone has no bytes counted; `:restarts`, `:uptime_ms`, `:age_ms` (of the daemon), `:last_result`; `:usage` as in
  `Contained.Cgroup.stats/1`; and as in MuonTrap `:cgroup`, the content of files such as
  `"memory.current"` where they exist.
  """
  @spec statistics(GenServer.server()) :: map
  def statistics(daemon), do: daemon |> GenServer.call(:statistics) |> Live.complete()

  @doc "The processes of the program, see `Contained.Cgroup.processes/1`."
  @spec processes(GenServer.server()) :: {:ok, [map]} | {:error, Error.t() | :not_running}
  def processes(daemon),
    do: with({:ok, process} <- session(daemon), do: Cgroup.processes(process))

  @doc """
  Changes limits of the running program, as `Contained.Cgroup.set_limits/2` does, and of all that the
  daemon starts after it: they outlive a restart of the program, not one of the daemon.

  Of limits that are refused none is kept. What `cgset/3` writes is for the running program alone.
  """
  @spec set_limits(GenServer.server(), keyword | map) :: :ok | {:error, Error.t() | :not_running}
  def set_limits(daemon, limits) do
    with {:ok, process} <- session(daemon),
         :ok <- Cgroup.set_limits(process, limits),
         :again <- GenServer.call(daemon, {:keep_limits, process.ref, limits}),
         do: set_limits(daemon, limits)
  end

  ## As MuonTrap has it

  @doc "The text of a file of the program's control group. `{:error, :no_cgroup}` when there is none."
  @spec cgget(GenServer.server(), binary) :: {:ok, binary} | {:error, atom}
  def cgget(daemon, file),
    do: daemon |> session() |> Live.file(&Cgroup.get(&1, file))

  @doc "Writes to a file of the program's control group, for as long as the program runs."
  @spec cgset(GenServer.server(), binary, binary | integer) :: :ok | {:error, atom}
  def cgset(daemon, file, value),
    do: daemon |> session() |> Live.file(&Cgroup.set(&1, file, value))

  @doc "The program's control group as a path below `/sys/fs/cgroup`, or `nil`."
  @spec cgroup_path(GenServer.server()) :: binary | nil
  def cgroup_path(daemon) do
    case session(daemon) do
      {:ok, process} -> Live.path(process)
      {:error, :not_running} -> nil
    end
  end

  @doc "The limits in force, as `:cgroup` takes them."
  @spec cgroup_config(GenServer.server()) :: map
  def cgroup_config(daemon) do
    case session(daemon) do
      {:ok, process} -> Live.config(process)
      {:error, :not_running} -> %{}
    end
  end

  defp session(daemon), do: GenServer.call(daemon, :session)
end
