defmodule Contained.Daemon.Server do
  @moduledoc false
  # The process of a daemon. It receives, the modules beside it decide.

  use GenServer

  alias Contained.Daemon.{
    Config,
    Credit,
    Events,
    Generation,
    Live,
    Lock,
    Notified,
    Notify,
    Pause,
    Ready,
    Report,
    Run,
    Sinks
  }

  alias Contained.Daemon.{Sole, Starter, State, StatusFile, Tap, WaitFor}
  alias Contained.{Error, Session}

  @doc "Opens what lasts as long as the daemon does."
  @spec open(State.t()) :: {:ok, State.t()} | {:error, term}
  def open(%{config: %{options: options}} = state) do
    with :ok <- open_status_file(options),
         {:ok, state} <- open_notify(state),
         do: open_sinks(state)
  end

  defp open_status_file(%{status_file: path}) do
    with {:error, reason} <- StatusFile.check(path),
         do: {:error, %Error{stage: :status_file, reason: reason, subject: path}}
  end

  defp open_status_file(_options), do: :ok

  defp open_notify(%{config: config} = state) do
    with place when place != nil <- Config.notify(config), {:ok, notify} <- Notify.open(place) do
      env = Notify.env(notify, config.options[:watchdog])
      {:ok, %{state | notify: notify, config: Config.put_env(config, env)}}
    else
      nil -> {:ok, state}
      error -> error
    end
  end

  defp open_sinks(%{config: %{options: %{log_to: specs}} = config} = state) do
    case Sinks.open(specs, sink_options(config)) do
      {:ok, sinks, streams} ->
        {:ok, %{state | sinks: sinks, config: Config.put_streams(config, streams)}}

      {:error, error} ->
        Events.close(state.tap.events, :halt)
        {:error, error}
    end
  end

  defp open_sinks(state), do: {:ok, state}

  # What a start that fails has written is part of its error, also when nobody else wants it here.
  defp sink_options(%{command: command, options: options, capture?: capture?} = config) do
    ladder = Map.get(command.spec, :stop, [{15, 500}])
    cd = options[:cd] || File.cwd!()
    tail? = config.ready != :none

    %{launcher: command.launcher, ladder: ladder, cd: cd, credit: :manual}
    |> Map.merge(%{tee: capture?, tail: tail?})
  end

  @spec enter(State.t()) :: no_return
  def enter(state) do
    send(self(), {__MODULE__, :begin})
    Starter.loop(__MODULE__, state)
  end

  # Never called: the process enters the loop by itself.
  @impl true
  def init(state), do: {:ok, state}

  ## Messages

  @impl true
  def handle_info({__MODULE__, :begin}, %{phase: :new} = state), do: next(Run.begin(state))

  def handle_info(message, state) do
    next(Enum.find_value(handlers(state), state, &handled(&1, state, message)))
  end

  defp handled(handler, state, message) do
    case handler.(state, message) do
      :none -> nil
      next -> next
    end
  end

  # Output first, it comes most often.
  defp handlers(_state),
    do:
      [&session/2, &sink/2, &Notified.event/2, &Sole.event/2, &timer/2, &aside/2, &Pause.event/2] ++
        [&subscriber/2]

  defp session(%{session: nil}, _message), do: :none

  defp session(%{session: session} = state, message) do
    case Session.event(session, message) do
      :none -> :none
      :ok -> state
      {:started, os_pid} -> Run.started(state, os_pid)
      {:failed, error} -> Run.failed(state, error)
      {:orphan_exit, os_pid, exit} -> Report.orphan(state, os_pid, exit)
      {:ended, map} -> Run.ended(state, map)
      :launcher_down -> Run.ended(state, :launcher_down)
      {:input_raised, kind, reason, stack} -> {:stop, raised(kind, reason, stack), state}
      {stream, data} -> output(state, stream, data)
    end
  end

  defp raised(:error, reason, stack), do: {reason, stack}
  defp raised(:throw, term, stack), do: {{:nocatch, term}, stack}
  defp raised(:exit, reason, _stack), do: reason

  defp output(state, stream, data) do
    state = %{state | tap: Tap.put(state.tap, stream, data)}
    state |> Credit.grant(stream, byte_size(data)) |> look(stream, data)
  end

  defp look(%{ready: {ref, ready}} = state, stream, data) do
    case Ready.output(ready, stream, data) do
      {:ready, ready} -> Run.ready(%{state | ready: {ref, ready}})
      {:waiting, ready} -> %{state | ready: {ref, ready}}
    end
  end

  defp look(state, _stream, _data), do: state

  defp sink(%{sinks: nil}, _message), do: :none

  defp sink(%{sinks: sinks} = state, message) do
    case Sinks.event(sinks, message) do
      :none -> :none
      {:output, data, sinks} -> teed(%{state | sinks: sinks}, data)
      {:report, report, sinks} -> Report.sink(%{state | sinks: sinks}, report)
      {:ok, sinks} -> %{state | sinks: sinks}
    end
  end

  defp teed(state, data) do
    state = %{state | tap: Tap.put(state.tap, :stdout, data)}
    state |> Credit.grant(:sinks, byte_size(data)) |> look(:stdout, data)
  end

  defp timer(state, message) do
    case State.timer(state, message) do
      :none -> :none
      {:ready, state} -> Run.not_ready(state, :timeout)
      {:restart, state} -> Run.prepare(state)
      {:pressure, state} -> Pause.look(state)
      {:watchdog, state} -> Notified.silent(state)
      {:credit, state} -> Credit.look_again(state)
      {nil, state} -> state
    end
  end

  defp aside(%{ready: {ref, _}} = state, {Ready, ref, _} = message) do
    case Ready.event(message, ref) do
      :ready -> Run.ready(state)
      {:failed, reason} -> Run.not_ready(state, {:failed, reason})
    end
  end

  defp aside(%{wait: {ref, _}} = state, {WaitFor, ref, _} = message),
    do: Run.waited(state, WaitFor.event(message, ref))

  defp aside(%{generation: {ref, _}} = state, {Generation, ref, _}), do: Run.launch(state)
  defp aside(_state, _message), do: :none

  defp subscriber(%{tap: tap} = state, message) do
    with {:ok, events} <- Events.event(tap.events, message),
         do: %{state | tap: %{tap | events: events}}
  end

  defp next({:stop, reason, state}), do: {:stop, reason, %{state | error: reason}}
  defp next(state), do: {:noreply, state}

  ## Calls

  @impl true
  def handle_call({:stop, ladder}, _from, state),
    do: {:stop, :normal, :ok, %{state | ladder: ladder}}

  def handle_call(:await_ready, _from, %{ready?: true} = state), do: {:reply, :ok, state}

  def handle_call(:await_ready, from, state),
    do: {:noreply, %{state | awaiting: [from | state.awaiting]}}

  def handle_call(:restart, _from, %{phase: :waiting} = state),
    do: {:reply, {:error, :not_running}, state}

  def handle_call(:restart, from, state),
    do: next(Run.restart(%{state | ready?: false, awaiting: [from | state.awaiting]}))

  def handle_call(what, from, state) when what in [:pause, :resume],
    do: {:noreply, Pause.request(state, what, :hand, from)}

  def handle_call({:subscribe, pid}, _from, state),
    do: {:reply, :ok, events(state, &Events.subscribe(&1, pid))}

  def handle_call({:unsubscribe, pid}, _from, state),
    do: {:reply, :ok, events(state, &Events.unsubscribe(&1, pid))}

  # Told before it is sent: it may be the program's end.
  def handle_call({:signal, number, target}, _from, state) do
    session = Live.session(state)
    state = if match?({:ok, _}, session), do: Report.signal(state, number, target), else: state
    {:reply, session, state}
  end

  def handle_call(:session, _from, state), do: {:reply, Live.session(state), state}

  def handle_call(:reopen, _from, state) do
    if state.sinks, do: Sinks.reopen(state.sinks)
    {:reply, :ok, state}
  end

  # They were set for a program that may have been followed by another one meanwhile.
  def handle_call({:keep_limits, ref, _limits}, _from, %{session: %{ref: other}} = state)
      when other != ref,
      do: {:reply, :again, state}

  def handle_call({:keep_limits, _ref, limits}, _from, state),
    do: {:reply, :ok, %{state | config: Config.put_limits(state.config, limits)}}

  def handle_call(:reload_signal, _from, state),
    do: {:reply, Map.get(state.config.options, :reload_signal, 1), state}

  def handle_call(:info, _from, state), do: {:reply, Live.info(state), state}
  def handle_call(:statistics, _from, state), do: {:reply, Live.statistics(state), state}

  defp events(%{tap: tap} = state, change),
    do: %{state | tap: %{tap | events: change.(tap.events)}}

  ## The end

  @impl true
  def terminate(reason, state) do
    Starter.unregister(state.name)
    state = if orderly?(reason), do: state, else: Report.crashed(state, reason)
    state = state |> Run.stop() |> Run.close_sinks()
    Lock.release(state.lock)
    Report.stopped(state, reason)
    Events.close(state.tap.events, if(orderly?(reason), do: :done, else: :halt))
    Starter.answer(state, {:error, reason})
  end

  # An exception in the daemon itself has a stack.
  defp orderly?({%{__exception__: true}, stack}) when is_list(stack), do: false
  defp orderly?({{:nocatch, _term}, stack}) when is_list(stack), do: false
  defp orderly?(_reason), do: true

  # The environment, in the options, may hold secrets: what is logged of a daemon names them not.
  def format_status(status) do
    case status do
      %{state: %State{} = state} -> %{status | state: Live.info(state)}
      other -> other
    end
  end
end
