defmodule Contained.Daemon.Credit do
  @moduledoc false
  # When output counts as taken. Who is told of it by messages cannot say that it is too much: while
  # somebody is behind, credit is held back, and the program has to wait.

  alias Contained.Daemon.{Events, Output, Sinks, State}
  alias Contained.Session

  # How soon those who could not keep up are looked at again.
  @retry 10

  @typedoc "Whose output it is: a stream of the program, or what its sinks hand on."
  @type source :: Output.stream() | :sinks

  @spec grant(State.t(), source, pos_integer) :: State.t()
  def grant(%{untaken: none} = state, source, size) when none == %{},
    do: look_again(%{state | untaken: %{source => size}})

  def grant(state, source, size),
    do: %{state | untaken: Map.update(state.untaken, source, size, &(&1 + size))}

  @doc "Gives what was held back, if nobody is behind any more."
  @spec look_again(State.t()) :: State.t()
  def look_again(%{untaken: none} = state) when none == %{}, do: state

  def look_again(state) do
    if Events.busy?(state.tap.events),
      do: State.start_timer(state, :credit, @retry),
      else: give(state)
  end

  @doc "Gives it, whoever is behind: nobody holds up the end."
  @spec give(State.t()) :: State.t()
  def give(state) do
    Enum.reduce(state.untaken, %{state | untaken: %{}}, fn {source, size}, state ->
      taken(state, source, size)
    end)
  end

  defp taken(state, :sinks, size), do: %{state | sinks: Sinks.taken(state.sinks, size)}

  defp taken(state, stream, size) do
    Session.taken(state.session, stream, size)
    state
  end

  @doc "The program has ended, and its credit with it; the sinks go on."
  @spec forget(State.t()) :: State.t()
  def forget(state), do: %{state | untaken: Map.take(state.untaken, [:sinks])}
end
