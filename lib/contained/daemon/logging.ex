defmodule Contained.Daemon.Logging do
  @moduledoc false
  # Lines of a daemon on their way to Logger, or to a function in its place. What is sent to
  # Logger is valid UTF-8, for some handlers crash otherwise.
  #
  # Functions of the user run in the calling process: one that raises is no secret, it ends the daemon.

  alias Contained.Daemon.Output

  @levels [:emergency, :alert, :critical, :error, :warning, :notice, :info, :debug]
  # MuonTrap takes the level that Logger has since renamed.
  @accepted @levels ++ [:warn]

  defstruct levels: %{}, prefix: "", transform: nil, metadata: [], fun: nil

  @type level ::
          :emergency | :alert | :critical | :error | :warning | :warn | :notice | :info | :debug
  @type fun_or_mfa :: (binary -> term) | {module, atom} | {module, atom, list}

  @opaque t :: %__MODULE__{
            levels: level | %{optional(Output.stream()) => level},
            prefix: binary,
            transform: (binary -> iodata) | nil,
            metadata: keyword,
            fun: fun_or_mfa | nil
          }

  @doc """
  What is to become of each line; nil when nobody asked for any.

    * `:log_output` - a level, or levels by stream: `[stdout: :info, stderr: :error]`; a stream without
      one is not logged
    * `:log_prefix` - stands before each line; by default `:command`, a colon and a space
    * `:log_transform` - a function that is given the line and returns what is logged
    * `:logger_metadata` - a keyword list, in addition to `:domain`, `:contained_command`,
      `:contained_args` and `:contained_stream`
    * `:logger_fun` - in the place of Logger: it is given the line, as the first argument
    * `:command` and `:args` - what runs
  """
  @spec new(keyword | map) :: t | nil
  def new(opts) do
    opts = Map.new(opts)

    if opts[:log_output] || opts[:logger_fun] do
      %__MODULE__{
        levels: levels(opts[:log_output]),
        prefix: opts[:log_prefix] || "#{opts[:command]}: ",
        transform: opts[:log_transform],
        metadata: metadata(opts),
        fun: opts[:logger_fun]
      }
    end
  end

  @doc "Whether something can be the value of `:log_output`."
  @spec levels?(term) :: boolean
  def levels?(nil), do: true
  def levels?(level) when is_atom(level), do: level in @accepted

  def levels?([_ | _] = levels) do
    Keyword.keyword?(levels) and
      Enum.all?(levels, fn {stream, level} ->
        stream in [:stdout, :stderr] and level in [nil | @accepted]
      end)
  end

  def levels?(_other), do: false

  @doc "Whether something can be the value of `:logger_fun`."
  @spec fun?(term) :: boolean
  def fun?(fun) when is_function(fun, 1), do: true
  def fun?({module, name}), do: is_atom(module) and is_atom(name)
  def fun?({module, name, args}), do: fun?({module, name}) and is_list(args)
  def fun?(_other), do: false

  @doc "Whether lines of `stream` are wanted at all."
  @spec wants?(t | nil, Output.stream()) :: boolean
  def wants?(nil, _stream), do: false
  def wants?(%__MODULE__{fun: nil, levels: levels}, stream), do: level(levels, stream) != nil
  def wants?(%__MODULE__{}, _stream), do: true

  @doc "Logs one line of `stream`."
  @spec log(t | nil, Output.stream(), binary) :: :ok
  def log(nil, _stream, _line), do: :ok

  def log(%__MODULE__{fun: nil, levels: levels} = logging, stream, line) do
    level = level(levels, stream)
    if level && enabled?(level), do: emit(logging, level, stream, line), else: :ok
  end

  def log(%__MODULE__{fun: fun}, _stream, line) do
    call(fun, line)
    :ok
  end

  defp levels(levels) when is_list(levels) do
    for {stream, level} <- levels, level, into: %{}, do: {stream, modern(level)}
  end

  defp levels(level), do: modern(level)

  defp modern(:warn), do: :warning
  defp modern(level), do: level

  defp level(levels, stream) when is_map(levels), do: Map.get(levels, stream)
  defp level(level, _stream), do: level

  # A flood that nobody looks at costs neither the text nor the transformation.
  defp enabled?(level), do: Logger.compare_levels(level, Logger.level()) != :lt

  defp emit(logging, level, stream, line) do
    text = Output.valid(logging.prefix <> transform(logging.transform, line))
    Logger.bare_log(level, text, [{:contained_stream, stream} | logging.metadata])
  end

  defp transform(nil, line), do: line
  defp transform(fun, line), do: line |> fun.() |> IO.iodata_to_binary()

  defp metadata(opts) do
    Keyword.merge(
      [
        domain: [:contained],
        contained_command: opts[:command],
        contained_args: opts[:args] || []
      ],
      opts[:logger_metadata] || []
    )
  end

  defp call({module, name}, line), do: apply(module, name, [line])
  defp call({module, name, args}, line), do: apply(module, name, [line | args])
  defp call(fun, line), do: fun.(line)
end
