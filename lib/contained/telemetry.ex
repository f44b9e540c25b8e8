defmodule Contained.Telemetry do
  @moduledoc """
  Events for `:telemetry`, if that library is part of the system. Contained does not need it, and
  without it nothing is measured.

  ## Commands

  Of `Contained.cmd/3`, `shell/2`, `run/3`, `stream/3` and `start/3`, in the process that calls them:

    * `[:contained, :cmd, :start]` - measurements `:system_time`, `:monotonic_time`
    * `[:contained, :cmd, :stop]` - it has ended. Measurements `:duration`, `:monotonic_time`
    * `[:contained, :cmd, :exception]` - it could not be started, or its caller was interrupted by
      a raise, throw or exit of a collectable or of the enumerable of `:input`. Measurements as of `:stop`

  A stream is measured from the beginning of each enumeration to its end. The end of a command of
  `start/3` is the moment at which its owner is told of it, by `Contained.Process.await/2` or `next/2`.

  ## Daemons

  Of `Contained.Daemon`, in its process. A daemon whose program is started again has a `:start` and a `:stop` for
  each run of it:

    * `[:contained, :daemon, :start]` - its program runs
    * `[:contained, :daemon, :stop]` - its program has ended
    * `[:contained, :daemon, :exception]` - its program could not be started, or the daemon itself failed
    * `[:contained, :daemon, :ready]` - it is ready, see `ready:`
    * `[:contained, :daemon, :paused]` and `[:contained, :daemon, :resumed]` - by hand or by `pause_above:`
    * `[:contained, :daemon, :oom]` - the kernel has killed a process of it for want of memory
    * `[:contained, :daemon, :watchdog]` - it has been silent for longer than `watchdog:` allows, and is stopped
    * `[:contained, :daemon, :signal]` - it was sent a signal by `Contained.Daemon.signal/3` or `reload/1`
    * `[:contained, :daemon, :restart]` - its program will be started again by the daemon

  The measurements of the first three are those of a command, of the others `:system_time` and
  `:monotonic_time`.

  ## Metadata of both

    * `:function` - `:cmd`, `:shell`, `:run`, `:stream` or `:start`; commands only
    * `:program` and `:args` - what was to be run. Arguments may hold what should not be in a log
    * `:owner` - the process that called, or the daemon
    * `:name` - of the daemon, or `nil`; daemons only
    * `:os_pid` - the process id of the program. At the `:start` of a command it is not known yet
    * `:telemetry_span_context` - the same at `:start` and what follows it
    * at `:stop` also `:reason`, `:status`, `:exit` and `:usage`, as in `Contained.Result`. The reason is
      `:stopped` and the rest missing when an enumeration ended before the command
    * at `:exception` also `:kind` (`:error`, `:throw` or `:exit`), `:reason` and `:stacktrace`. For what
      could not be started the reason is a `Contained.Error`
    * at `:signal` also `:signal`, its name, and `:target`, `:all` or `:leader`
    * at `:restart` also `:reason`, why the last run ended, and `:restarts`, how many there have been

  ## Launchers

    * `[:contained, :stop, :stuck]` - a command is being stopped, its `:stop_signal` has had the time it
      was given, and processes of it are still alive: SIGKILL follows. Metadata: `:program`, `:os_pid`,
      `:owner`, `:launcher`
    * `[:contained, :command, :left_behind]` - a command has ended, and descendants of it were alive when
      it exited, `:left_behind` by number (they have been killed, unless `linger: :leave` was asked for),
      or processes of it have outlived SIGKILL, `:unkilled` by number. Metadata: these, `:program`,
      `:os_pid`, `:owner`, `:launcher`
    * `[:contained, :launcher, :signal]` - the port program has received SIGTERM, SIGHUP or SIGINT, as all processes
      of a service do that is stopped; while the VM lives it does not act on them. Metadata: `:signal`, its name,
      `:launcher`
    * `[:contained, :launcher, :down]` - the port program of a launcher has ended, and its commands with
      it. Metadata: `:launcher`

  Their measurement is `:system_time`. Their handlers run in the launcher: what takes long belongs elsewhere.

  ## Times

  `:duration` and `:monotonic_time` are in native units, see `System.convert_time_unit/3`.
  """

  alias Contained.{Command, Error, Result}

  defmodule Span do
    @moduledoc false
    @enforce_keys [:what, :since, :metadata]
    defstruct [:what, :since, :metadata]
  end

  @opaque span :: %Span{} | nil

  @points [:ready, :paused, :resumed, :oom, :restart, :watchdog, :signal]

  # Handlers are attached by the same library: as long as it is not loaded there are none. This
  # takes some ten nanoseconds; asking the code server would look for a file each time.
  @doc false
  @spec on?() :: boolean
  def on?, do: :erlang.function_exported(:telemetry, :execute, 3)

  @doc false
  # Runs a command by `fun`, between its `start` and what follows.
  @spec measure(Command.t(), (Command.t() -> result)) :: result
        when result: {:ok, Result.t()} | {:error, Error.t()}
  def measure(command, fun), do: if(on?(), do: measured(command, fun), else: fun.(command))

  defp measured(command, fun) do
    span = command(command)

    try do
      fun.(command)
    catch
      kind, reason ->
        failed(span, kind, reason, __STACKTRACE__)
        :erlang.raise(kind, reason, __STACKTRACE__)
    else
      result ->
        ended(span, result)
        result
    end
  end

  @doc false
  # The `start` of a command, on behalf of the calling process.
  @spec command(Command.t()) :: span
  def command(command) do
    if on?() do
      [_arg0 | args] = command.spec.args

      begin(:cmd, %{
        function: command.kind,
        program: command.spec.program,
        args: args,
        owner: self()
      })
    end
  end

  @doc false
  # The `start` of a run of a daemon's program. The metadata has :name, :program, :args and :os_pid.
  @spec daemon(map) :: span
  def daemon(metadata), do: if(on?(), do: begin(:daemon, Map.put(metadata, :owner, self())))

  defp begin(what, metadata) do
    now = System.monotonic_time()
    metadata = Map.put(metadata, :telemetry_span_context, make_ref())
    execute([what, :start], %{system_time: System.system_time(), monotonic_time: now}, metadata)
    %Span{what: what, since: now, metadata: metadata}
  end

  @doc false
  # What was begun has ended, could not be started, or was left by its caller.
  @spec ended(span, {:ok, Result.t()} | {:error, Error.t()} | :stopped) :: :ok
  def ended(nil, _outcome), do: :ok
  def ended(span, {:error, error}), do: failed(span, :error, error, [])
  def ended(span, :stopped), do: close(span, :stop, %{reason: :stopped})

  def ended(span, {:ok, result}),
    do: close(span, :stop, Map.take(result, [:reason, :status, :exit, :usage, :os_pid]))

  @doc false
  @spec failed(span, :error | :throw | :exit, term, Exception.stacktrace()) :: :ok
  def failed(nil, _kind, _reason, _stack), do: :ok

  def failed(span, kind, reason, stack),
    do: close(span, :exception, %{kind: kind, reason: reason, stacktrace: stack})

  defp close(span, how, more) do
    now = System.monotonic_time()
    measurements = %{duration: now - span.since, monotonic_time: now}
    execute([span.what, how], measurements, Map.merge(span.metadata, more))
  end

  @doc false
  # Something that happens to a daemon, with the metadata of its `start`.
  @spec point(atom, map) :: :ok
  def point(event, metadata) when event in @points do
    if on?() do
      measurements = %{system_time: System.system_time(), monotonic_time: System.monotonic_time()}
      execute([:daemon, event], measurements, Map.put(metadata, :owner, self()))
    end

    :ok
  end

  @doc false
  @spec report([atom], map) :: :ok
  def report(event, metadata) do
    if on?(), do: execute(event, %{system_time: System.system_time()}, metadata)
    :ok
  end

  defp execute(event, measurements, metadata) do
    apply(:telemetry, :execute, [[:contained | event], measurements, metadata])
    :ok
  end
end
