defmodule Contained.Daemon.Tap do
  @moduledoc false
  # What comes of a daemon's output in the VM: lines to Logger, chunks to those who want them, a count,
  # and until the daemon is ready the last of it, for the error of a start that fails.

  alias Contained.Daemon.{Events, Logging, Output}

  @kept 65_536

  @enforce_keys [:events, :lines]
  defstruct [:logging, :lines, :events, kept: %{}, keep?: true, bytes: %{}]

  @type t :: %__MODULE__{
          logging: Logging.t() | nil,
          lines: Output.t(),
          events: Events.t(),
          kept: %{optional(Output.stream()) => binary},
          keep?: boolean,
          bytes: %{optional(Output.stream()) => non_neg_integer}
        }

  @spec new(Contained.Daemon.Config.t()) :: t
  def new(%{options: options, command: %{call: {program, args, _opts}}}) do
    %__MODULE__{
      logging: Logging.new(Map.merge(options, %{command: program, args: args})),
      lines: Output.new(options),
      events: Events.new(options)
    }
  end

  @doc "Takes in a chunk. Functions of the user may raise here."
  @spec put(t, Output.stream(), binary) :: t
  def put(tap, stream, data) do
    tap = tap |> count(stream, byte_size(data)) |> keep(stream, data) |> log(stream, data)
    %{tap | events: Events.output(tap.events, stream, data)}
  end

  defp count(tap, stream, size),
    do: %{tap | bytes: Map.update(tap.bytes, stream, size, &(&1 + size))}

  @doc "The last that the program wrote, as its sink has kept it for an error."
  @spec tail(t, binary) :: t
  def tail(tap, data), do: keep(tap, :stdout, data)

  defp keep(%{keep?: false} = tap, _stream, _data), do: tap

  defp keep(tap, stream, data) do
    kept = Map.get(tap.kept, stream, "") <> data
    over = max(byte_size(kept) - @kept, 0)
    last = :binary.copy(binary_part(kept, over, byte_size(kept) - over))
    %{tap | kept: Map.put(tap.kept, stream, last)}
  end

  defp log(tap, stream, data) do
    if Logging.wants?(tap.logging, stream) do
      {lines, output} = Output.feed(tap.lines, stream, data)
      Enum.each(lines, &Logging.log(tap.logging, stream, &1))
      %{tap | lines: output}
    else
      tap
    end
  end

  @doc "The program has ended: what is left of its lines is logged."
  @spec flush(t) :: t
  def flush(tap) do
    {left, output} = Output.flush(tap.lines)
    for {stream, line} <- left, do: Logging.log(tap.logging, stream, line)
    %{tap | lines: output}
  end

  @doc "The program is started again, and may fail again."
  @spec begin(t) :: t
  def begin(tap), do: %{tap | keep?: true, kept: %{}}

  @doc "It is ready: no error will tell what it wrote until now."
  @spec settle(t) :: t
  def settle(tap), do: %{tap | keep?: false, kept: %{}}

  @doc "A result with what the program wrote before it was ready."
  @spec complete(t, Contained.Result.t()) :: Contained.Result.t()
  def complete(tap, result) do
    %{result | stdout: Map.get(tap.kept, :stdout, ""), stderr: tap.kept[:stderr]}
  end
end
