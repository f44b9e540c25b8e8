defmodule Contained.Daemon.Config do
  @moduledoc false
  # What a daemon was asked for, checked. But for limits it does not change while the daemon lives.

  alias Contained.{Command, Error, Limits}
  alias Contained.Daemon.{Generation, Logging, Policy, Pressure}

  @ready_timeout 30_000

  @enforce_keys [:command, :policy, :slot]
  defstruct [:command, :policy, :slot, :pressure, :capture?, ready: :none] ++
              [ready_timeout: @ready_timeout, options: %{}]

  @type t :: %__MODULE__{
          command: Command.t(),
          policy: Policy.t(),
          slot: term,
          pressure: Pressure.t() | nil,
          capture?: boolean,
          ready: Contained.Daemon.Ready.spec(),
          ready_timeout: timeout,
          options: map
        }

  @doc "Checks the options; raises `ArgumentError` for wrong ones, see `Contained.Command.new/4`."
  @spec new(binary, [binary], keyword) :: {:ok, t} | {:error, Error.t()}
  def new(program, args, opts) do
    check_shape!(program, args, opts)

    with {:ok, command} <- Command.new(:daemon, program, args, opts),
         :ok <- Command.check(command) do
      {:ok, build(command, program, args)}
    end
  end

  defp check_shape!(program, args, opts) do
    unless is_binary(program) and is_list(args) and Keyword.keyword?(opts) do
      raise ArgumentError,
            "a daemon takes a program (a binary), a list of arguments and a keyword list of " <>
              "options, got: #{inspect(program)}, #{inspect(args)}, #{inspect(opts)}"
    end
  end

  defp build(%{options: options} = command, program, args) do
    options = put_log_output(options)
    refuse!(options)
    refuse_notify!(options)
    refuse_lock!(options)
    capture? = capture?(options)
    slot = Generation.slot(options, program, args)

    %__MODULE__{
      command: %{command | spec: command.spec |> put_output(options, capture?) |> put_slot(slot)},
      policy: Policy.new(options),
      slot: slot,
      pressure: pressure!(options),
      capture?: capture?,
      ready: Map.get(options, :ready, :none),
      ready_timeout: Map.get(options, :ready_timeout, @ready_timeout),
      options: options
    }
  end

  # The sink :logger is the same as a level.
  defp put_log_output(%{log_to: sinks} = options) do
    if :logger in sinks and Logging.new(options) == nil,
      do: Map.put(options, :log_output, :info),
      else: options
  end

  defp put_log_output(options), do: options

  # Which is replaced by another at each start.
  defp refuse_lock!(%{single_instance: path, pidfile: other}) do
    if Path.expand(path) == Path.expand(other),
      do: raise(ArgumentError, ~s(cannot use one file for "single_instance" and "pidfile"))
  end

  defp refuse_lock!(_options), do: :ok

  # A socket in the file system would not be seen there.
  defp refuse_notify!(options) do
    wanted = Enum.find([ready: :notify, watchdog: nil], &wanted?(options, &1))
    hidden = Enum.find([:chroot, :root, :tmpfs], &hides?(&1, options[&1]))

    if wanted != nil and hidden != nil and apart?(options) do
      raise ArgumentError,
            ~s(cannot use "#{elem(wanted, 0)}", a network of its own and "#{hidden}": the socket ) <>
              "would not be found"
    end
  end

  defp hides?(_key, none) when none in [nil, []], do: false

  defp hides?(:tmpfs, mounts) do
    place = System.tmp_dir!()
    Enum.any?(mounts, &String.starts_with?(place <> "/", mount_point(&1) <> "/"))
  end

  defp hides?(_root, _path), do: true

  defp mount_point({path, _bytes}), do: path
  defp mount_point(path), do: path

  defp wanted?(options, {:watchdog, nil}), do: Map.has_key?(options, :watchdog)
  defp wanted?(options, {key, value}), do: options[key] == value

  # stdout is written to the sinks, where nobody counts it for the port program.
  defp refuse!(%{log_to: _sinks} = options) do
    for key <- [:capture_stderr_only, :max_output], options[key] do
      raise ArgumentError, ~s(cannot use "#{key}" and "log_to")
    end
  end

  defp refuse!(%{on_shutdown: _what}),
    do: raise(ArgumentError, ~s(cannot use "on_shutdown" without "adopt"))

  defp refuse!(_options), do: :ok

  @doc "Has stdout go to the sinks, which stand at a launcher."
  @spec put_streams(t, %{stdout: term, launcher: GenServer.server() | :dedicated}) :: t
  def put_streams(%{command: command} = config, %{stdout: stdout, launcher: launcher}) do
    command = %{command | spec: %{command.spec | stdout: stdout}, launcher: launcher}
    %{config | command: command}
  end

  @doc "Has the next program start with these limits as well."
  @spec put_limits(t, keyword | map) :: t
  def put_limits(%{command: command} = config, limits) do
    {:ok, changes} = Limits.encode(limits)
    limits = Limits.merge(Map.get(command.spec, :limits, []), changes)
    %{config | command: %{command | spec: Map.put(command.spec, :limits, limits)}}
  end

  @doc "Adds variables to the environment of the program; they win."
  @spec put_env(t, [{binary, binary | nil}]) :: t
  def put_env(%{command: command} = config, env) do
    spec = Map.update(command.spec, :env, env, &(&1 ++ env))
    %{config | command: %{command | spec: spec}}
  end

  @doc "Where the program can reach a socket of ours, if it is to tell us something; see `Notify`."
  @spec notify(t) :: map | nil
  def notify(%{options: options, command: command} = config) do
    if config.ready == :notify or Map.has_key?(options, :watchdog),
      do: Map.put(Map.take(command.spec, [:uid]), :apart, apart?(options))
  end

  # An abstract socket is one of a network namespace.
  defp apart?(options) do
    options[:network] not in [nil, :host] or :net in List.wrap(options[:namespaces])
  end

  # Of its slot the launcher starts one generation at a time.
  defp put_slot(spec, slot), do: Map.put(spec, :slot, slot)

  # Output that nobody wants is discarded by the system, it does not even come to the port program.
  defp put_output(%{stdout: :pipe} = spec, options, false),
    do: put_stderr(%{spec | stdout: :null}, options)

  defp put_output(spec, options, _capture?), do: put_stderr(spec, options)

  # A level of its own means that it is wanted apart.
  defp put_stderr(%{stderr: :inherit} = spec, options) do
    apart? = is_list(options[:log_output]) and Keyword.has_key?(options[:log_output], :stderr)
    if apart? and not Map.has_key?(options, :stderr), do: %{spec | stderr: :pipe}, else: spec
  end

  defp put_stderr(spec, _options), do: spec

  @wanting [:on_output, :into, :max_output]

  # What a start that fails has written is part of its error; with a log the sink keeps it.
  defp capture?(options) do
    Logging.new(options) != nil or Enum.any?(@wanting, &Map.has_key?(options, &1)) or
      options[:capture] == true or
      match?({:output, _}, options[:ready]) or
      (Map.get(options, :ready, :none) != :none and not Map.has_key?(options, :log_to))
  end

  defp pressure!(options) do
    case Pressure.parse(Map.take(options, [:pause_above, :resume_below])) do
      {:ok, pressure} -> pressure
      {:error, allowed} -> invalid!(options, allowed)
    end
  end

  defp invalid!(options, allowed) do
    given =
      for key <- [:pause_above, :resume_below],
          {:ok, v} <- [Map.fetch(options, key)],
          do: {key, v}

    keys = Enum.map_join(given, " and ", fn {key, _value} -> inspect(key) end)
    values = Enum.map_join(given, " and ", fn {_key, value} -> inspect(value) end)
    raise ArgumentError, "invalid value for option #{keys}: expected #{allowed}, got: #{values}"
  end

  # Beyond the ladder, for SIGKILL to have its effect and for the end to be told.
  @margin 2_000
  # For sinks to write what they were given, and to end.
  @sinks 3_000

  @doc "How long a supervisor should wait for a daemon with these options to stop."
  @spec shutdown(keyword) :: pos_integer
  def shutdown(opts) do
    sinks = if Keyword.get(opts, :log_to, []) in [[], nil], do: 0, else: @sinks
    Command.ladder_time(opts) + @margin + sinks
  end
end
