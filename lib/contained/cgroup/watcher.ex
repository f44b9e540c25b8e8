defmodule Contained.Cgroup.Watcher do
  @moduledoc false
  # Tells one subscriber what changes in the control groups of one command. The kernel tells what it can
  # (cgroup.events and triggers of pressure, by native functions); the rest is looked at. It ends with the subscriber and
  # with the command, of which it looks now and then: an end is nothing that a group tells.

  use GenServer

  alias Contained.{Cgroup, Native}
  alias Contained.Cgroup.{Places, Stats}

  @poll 100
  # When the kernel tells the rest.
  @end_poll 1_000

  defstruct [:process, :subscriber, :interval] ++
              [watched: [], seen: %{}, handles: %{}, polled: []]

  @doc "Starts one for the calling process."
  @spec start(Cgroup.target(), [Cgroup.event()]) :: {:ok, pid} | {:error, Contained.Error.t()}
  def start(process, events), do: GenServer.start(__MODULE__, {process, events, self()})

  @impl true
  def init({process, events, subscriber}) do
    case Cgroup.stats(process) do
      {:ok, stats} ->
        Process.monitor(subscriber)
        state = %__MODULE__{process: process, subscriber: subscriber, seen: flags(stats)}
        {:ok, events |> Enum.reduce(state, &watch/2) |> tick()}

      {:error, error} ->
        {:stop, error}
    end
  end

  defp flags(stats), do: Map.take(stats, [:populated, :frozen])

  ## What is watched, and by whom

  defp watch(flag, state) when flag in [:populated, :frozen] do
    state = %{state | watched: [flag | state.watched]}
    add(state, :events, :events, fn path -> Native.monitor_events(path) end)
  end

  defp watch({:pressure, resource, kind, stall, window} = event, state) do
    add(state, {:pressure, resource, kind}, event, fn path ->
      Native.monitor_pressure(path, resource, kind, stall, window)
    end)
  end

  # Once is enough for both flags.
  defp add(state, :events, _polled, _open) when is_map_key(state.handles, :events), do: state

  defp add(state, what, polled, open) do
    with {:ok, [{_, path, _, _} | _]} <- Places.fetch(state.process),
         {:ok, handle} <- open.(path),
         {:ok, _ref} <- Native.await_event(handle) do
      %{state | handles: Map.put(state.handles, what, handle)}
    else
      _not_by_the_kernel -> %{state | polled: Enum.uniq([start_of(polled, state) | state.polled])}
    end
  end

  # Pressure is counted from now on.
  defp start_of({:pressure, resource, kind, stall, window}, state),
    do: {resource, kind, stall, window, now(), total(state, resource, kind)}

  defp start_of(:events, _state), do: :events

  defp tick(state) do
    interval = if state.polled == [], do: @end_poll, else: @poll
    Process.send_after(self(), :look, interval)
    state
  end

  ## What comes

  @impl true
  def handle_info({:contained_event, _ref, handle}, state) do
    {what, _handle} = Enum.find(state.handles, &(elem(&1, 1) == handle))
    # What comes after this look is told at once when it is waited for.
    seen = Native.look_at(handle)
    Native.await_event(handle)
    {:noreply, kernel_event(what, seen, state)}
  end

  def handle_info(:look, state) do
    case Cgroup.stats(state.process) do
      {:ok, stats} -> {:noreply, state |> changed(flags(stats)) |> poll() |> tick()}
      {:error, %{reason: reason}} when reason in [:esrch, :launcher_down] -> over(state)
      {:error, _passing} -> {:noreply, tick(state)}
    end
  end

  def handle_info({:DOWN, _, :process, subscriber, _}, %{subscriber: subscriber} = state),
    do: {:stop, :normal, state}

  def handle_info(_other, state), do: {:noreply, state}

  defp over(state) do
    tell(state, :ended)
    {:stop, :normal, state}
  end

  defp kernel_event(:events, {:ok, text}, state), do: changed(state, Stats.events(text))

  defp kernel_event({:pressure, resource, kind}, {:ok, text}, state) do
    tell(state, {:pressure, resource, kind, Stats.pressure(text)})
    state
  end

  # It is about to be removed.
  defp kernel_event(_what, _gone, state), do: state

  defp changed(state, flags) do
    for {flag, value} <- flags, state.seen[flag] != value, flag in state.watched do
      tell(state, {flag, value})
    end

    %{state | seen: Map.merge(state.seen, flags)}
  end

  defp poll(state), do: %{state | polled: Enum.map(state.polled, &poll(&1, state))}

  defp poll({resource, kind, stall, window, since, before} = watched, state) do
    if now() - since < window do
      watched
    else
      total = total(state, resource, kind)
      if total - before >= stall, do: tell_pressure(state, resource, kind)
      {resource, kind, stall, window, now(), total}
    end
  end

  defp poll(:events, _state), do: :events

  defp tell_pressure(state, resource, kind) do
    with {:ok, %{^resource => pressure}} <- Cgroup.pressure(state.process),
         do: tell(state, {:pressure, resource, kind, pressure})
  end

  defp total(state, resource, kind) do
    case Cgroup.pressure(state.process) do
      {:ok, %{^resource => %{^kind => %{total: total}}}} -> total
      _unknown -> 0
    end
  end

  defp tell(state, event), do: send(state.subscriber, {Cgroup, self(), event})

  defp now, do: System.monotonic_time(:microsecond)
end
