defmodule Contained.Launcher.Heartbeat do
  @moduledoc false
  # Whether the port program still answers, decided tick by tick. A verdict needs two unanswered
  # pings and a full second after the second: when the whole machine was suspended, or the
  # container paused, the first ping after it finds the program as late as we are. One that waits for a
  # processor is not wedged but starved: it is given longer, for it might loop as well.

  @longest_starvation 20

  defstruct heard: nil, silent: 0, number: 0

  @type t :: %__MODULE__{
          heard: nil | :control | :output,
          silent: non_neg_integer,
          number: non_neg_integer
        }

  @spec new() :: t
  def new, do: %__MODULE__{}

  @doc "Any frame is a sign of life."
  @spec heard(t, :control | :output) :: t
  def heard(%{heard: :output} = beat, _kind), do: beat
  def heard(%{heard: kind} = beat, kind), do: beat
  def heard(beat, kind), do: %{beat | heard: kind}

  @doc "What to do at the end of an interval."
  @spec tick(t) ::
          {:alive | {:ping, pos_integer} | :wait | :wedged_unless_starved | :wedged, t}
  def tick(%{heard: nil} = beat), do: silence(%{beat | silent: beat.silent + 1})
  def tick(beat), do: {:alive, %{beat | heard: nil, silent: 0}}

  defp silence(%{silent: silent} = beat) when silent <= 2 do
    number = beat.number + 1
    {{:ping, number}, %{beat | number: number}}
  end

  defp silence(%{silent: 3} = beat), do: {:wait, beat}

  defp silence(%{silent: silent} = beat) when silent < @longest_starvation,
    do: {:wedged_unless_starved, beat}

  defp silence(beat), do: {:wedged, beat}
end
