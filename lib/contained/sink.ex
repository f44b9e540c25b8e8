defmodule Contained.Sink do
  @moduledoc false
  # One stream on its way into a collectable, whole or by lines. Runs in the caller, as data comes.

  alias Contained.Lines

  defstruct [:fun, :initial, :acc, :lines]

  @opaque t :: %__MODULE__{}

  @doc "Opens `collectable`."
  @spec new(Collectable.t(), boolean) :: t
  def new(collectable, lines?) do
    {initial, fun} = Collectable.into(collectable)
    %__MODULE__{fun: fun, initial: initial, acc: initial, lines: if(lines?, do: Lines.new())}
  end

  @doc "Takes in one chunk."
  @spec put(t, binary) :: t
  def put(%__MODULE__{lines: nil} = sink, data), do: add(data, sink)

  def put(%__MODULE__{lines: lines} = sink, data) do
    {complete, lines} = Lines.split(lines, data)
    Enum.reduce(complete, %{sink | lines: lines}, &add/2)
  end

  @doc "At the end of the stream: a last line that has no end."
  @spec flush(t) :: t
  def flush(%__MODULE__{lines: nil} = sink), do: sink

  def flush(%__MODULE__{lines: lines} = sink),
    do: lines |> Lines.finish() |> Enum.reduce(%{sink | lines: nil}, &add/2)

  @doc "What was collected."
  @spec done(t) :: Collectable.t()
  def done(%__MODULE__{fun: fun, acc: acc}), do: fun.(acc, :done)

  @doc "Gives up; the collectable gets the accumulator it began with, as from `System.cmd/3`."
  @spec halt(t) :: term
  def halt(%__MODULE__{fun: fun, initial: initial}), do: fun.(initial, :halt)

  defp add(data, %{fun: fun, acc: acc} = sink), do: %{sink | acc: fun.(acc, {:cont, data})}
end
