defmodule Contained.Launcher.Backoff do
  @moduledoc false
  # How long to wait before the port program is opened again: not at all the first time, then
  # 50 ms, doubling to 2 s. A program that started a command, or lived for a while, was sound: the
  # count starts afresh.

  @first 50
  @longest 2_000
  @healthy 1_000

  defstruct next: 0, opened: nil

  @type t :: %__MODULE__{next: non_neg_integer, opened: nil | integer}

  @spec new() :: t
  def new, do: %__MODULE__{}

  @doc "The program was opened at `now`, in milliseconds."
  @spec opened(t, integer) :: t
  def opened(backoff, now), do: %{backoff | opened: now}

  @doc "It has started a command."
  @spec worked(t) :: t
  def worked(%{next: 0} = backoff), do: backoff
  def worked(backoff), do: %{backoff | next: 0}

  @doc "It ended, or could not be opened, at `now`. How long to wait?"
  @spec failed(t, integer) :: {delay :: non_neg_integer, t}
  def failed(%{opened: opened} = backoff, now) do
    delay = if is_integer(opened) and now - opened >= @healthy, do: 0, else: backoff.next
    {delay, %__MODULE__{next: longer(delay)}}
  end

  defp longer(0), do: @first
  defp longer(delay), do: min(delay * 2, @longest)
end
