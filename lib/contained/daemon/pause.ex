defmodule Contained.Daemon.Pause do
  @moduledoc false
  # Pausing a daemon's program and letting it go on: by the freezer of its control group, or by SIGSTOP
  # and SIGCONT where there is none; by hand or by how busy the machine is. What was paused by hand
  # goes on by hand alone.
  #
  # Both may take a moment, so they are done beside the daemon, one at a time.

  alias Contained.{Cgroup, Session}
  alias Contained.Daemon.{Aside, Notified, Pressure, Report, State}

  @interval 1_000
  @sigcont 18
  @sigstop 19

  @type by :: :hand | :pressure
  @type what :: :pause | :resume

  @doc "Begins to look at how busy the machine is, if that matters."
  @spec watch(State.t()) :: State.t()
  def watch(%{config: %{pressure: nil}} = state), do: state
  def watch(state), do: State.start_timer(state, :pressure, @interval)

  @doc "Looks once."
  @spec look(State.t()) :: State.t()
  def look(%{config: %{pressure: pressure}} = state) do
    case {Pressure.check(pressure), state.paused} do
      {:above, nil} -> request(state, :pause, :pressure, nil)
      {:below, :pressure} -> request(state, :resume, :pressure, nil)
      _as_it_is -> state
    end
    |> watch()
  end

  @doc "Pauses or resumes, and replies to `from` when that is done."
  @spec request(State.t(), what, by, GenServer.from() | nil) :: State.t()
  def request(%{session: nil} = state, _what, _by, from),
    do: reply(state, from, {:error, :not_running})

  def request(%{os_pid: nil} = state, _what, _by, from),
    do: reply(state, from, {:error, :not_running})

  # By hand it waits for its turn, by itself there is a next look.
  def request(%{pausing: %{queue: queue} = pausing} = state, what, by, from) do
    queue = if from, do: queue ++ [{what, by, from}], else: queue
    %{state | pausing: %{pausing | queue: queue}}
  end

  def request(%{paused: paused} = state, :pause, by, from) when paused != nil,
    do: reply(%{state | paused: if(by == :hand, do: :hand, else: paused)}, from, :ok)

  def request(%{paused: nil} = state, :resume, _by, from), do: reply(state, from, :ok)

  def request(%{session: session} = state, what, by, from) do
    ref = make_ref()
    target = {session.launcher, session.ref}
    handle = %{session | writer: nil}
    aside = Aside.start(__MODULE__, ref, fn -> act(what, target, handle) end)
    %{state | pausing: %{aside: aside, ref: ref, what: what, by: by, from: from, queue: []}}
  end

  defp act(:pause, target, handle) do
    with {:error, _none} <- Cgroup.freeze(target), do: Session.signal(handle, @sigstop, :all)
  end

  # It may have been stopped by a signal, and then been given a group that can freeze.
  defp act(:resume, target, handle) do
    Cgroup.thaw(target)
    Session.signal(handle, @sigcont, :all)
  end

  @doc "What a message of the mailbox says about it."
  @spec event(State.t(), term) :: State.t() | :none
  def event(%{pausing: %{ref: ref} = pausing} = state, {__MODULE__, ref, answer}) do
    state = %{state | pausing: nil}

    state = if answer == :ok, do: done(state, pausing), else: state
    state = reply(state, pausing.from, answer(answer))

    Enum.reduce(pausing.queue, state, fn {what, by, from}, state ->
      request(state, what, by, from)
    end)
  end

  def event(_state, _message), do: :none

  defp answer({:failed, reason}), do: {:error, reason}
  defp answer(answer), do: answer

  defp done(state, %{what: :pause, by: by}), do: Report.paused(%{state | paused: by})

  defp done(state, %{what: :resume}),
    do: Report.resumed(Notified.rearm(%{state | paused: nil}))

  @doc "The program has ended: nothing is paused, and nobody waits for it any more."
  @spec forget(State.t()) :: State.t()
  def forget(state), do: %{forget_pausing(state) | paused: nil} |> State.cancel_timer(:pressure)

  defp forget_pausing(%{pausing: nil} = state), do: state

  defp forget_pausing(%{pausing: pausing} = state) do
    Aside.stop(pausing.aside)
    waiting = [pausing.from | for({_what, _by, from} <- pausing.queue, do: from)]
    Enum.reduce(waiting, %{state | pausing: nil}, &reply(&2, &1, {:error, :not_running}))
  end

  defp reply(state, nil, _answer), do: state

  defp reply(state, from, answer) do
    GenServer.reply(from, answer)
    state
  end
end
