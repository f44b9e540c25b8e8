defmodule Contained.Daemon.Run do
  @moduledoc false
  # One run of a daemon's program after the other: from the wait before the first until the policy
  # says that there is no next one.
  #
  # Every function takes the daemon's state and returns it, or `{:stop, reason, state}`.

  alias Contained.Daemon.{
    Credit,
    Generation,
    Lock,
    Notified,
    Notify,
    Pause,
    Pidfile,
    Policy,
    Ready,
    Report,
    Starter,
    State,
    Tap
  }

  alias Contained.Daemon.{Sinks, Sole, WaitFor}
  alias Contained.{Error, Result, Session}

  @type state :: State.t()
  @type next :: State.next()

  ## The way to a running program

  @doc "Begins, with what has to be waited for before the first start."
  @spec begin(state) :: next
  def begin(%{config: %{options: %{wait_for: fun}}} = state) do
    ref = make_ref()
    state = %{state | phase: :waiting, wait: {ref, WaitFor.start(fun, ref)}}
    Starter.answer(state, {:ok, self()})
  end

  def begin(state), do: prepare(state)

  @doc "`wait_for` has returned, or failed."
  @spec waited(state, :done | {:failed, term}) :: next
  def waited(state, :done), do: prepare(%{state | wait: nil})
  def waited(state, {:failed, reason}), do: {:stop, reason, %{state | wait: nil}}

  @doc "Starts the program as soon as nothing of an earlier one can be left."
  @spec prepare(state) :: next
  def prepare(%{config: config} = state) do
    ref = make_ref()
    Notify.attend(state.notify, nil)
    state = %{state | tap: Tap.begin(state.tap), ready?: false, intent: nil, os_pid: nil}

    case Generation.await(config.command, config.slot, state.lost?, ref) do
      :ready -> launch(state)
      aside -> %{state | phase: :preparing, generation: {ref, aside}}
    end
  end

  @spec launch(state) :: next
  def launch(state) do
    case Sole.lock(state) do
      {:ok, state} -> launch_now(state)
      {:wait, state} -> %{state | phase: :preparing, generation: nil}
      {:error, error} -> failed(%{state | generation: nil}, error)
    end
  end

  defp launch_now(%{config: %{command: command, slot: slot}} = state) do
    # A port program that was started meanwhile does not know the links.
    if state.sinks, do: Sinks.renew(state.sinks)

    case Session.launch(command) do
      {:ok, session} ->
        Generation.launched(command, slot, session.launcher)
        %{state | phase: :starting, session: session, generation: nil, lost?: false}

      {:error, error} ->
        failed(%{state | generation: nil}, error)
    end
  end

  @doc "The program has been executed."
  @spec started(state, pos_integer) :: next
  def started(state, os_pid) do
    state = %{state | phase: :running, os_pid: os_pid, since: State.now()}
    state = state |> put_os_pid(os_pid) |> Notified.begin() |> Report.started() |> Pause.watch()
    Notify.attend(state.notify, state.session)
    Lock.note(state.lock, os_pid)

    case write_pidfile(state) do
      :ok ->
        look_for_readiness(state)

      {:error, reason} ->
        give_up(state, %Error{stage: :pidfile, reason: reason, subject: pidfile(state)})
    end
  end

  defp put_os_pid(state, os_pid), do: %{state | session: %{state.session | os_pid: os_pid}}

  defp write_pidfile(state) do
    if path = pidfile(state), do: Pidfile.write(path, state.os_pid), else: :ok
  end

  defp pidfile(state), do: state.config.options[:pidfile]

  defp look_for_readiness(%{config: %{ready: :none}} = state), do: ready(state)

  defp look_for_readiness(%{config: config} = state) do
    ref = make_ref()
    state = %{state | ready: {ref, Ready.start(config.ready, ref)}}
    State.start_timer(state, :ready, config.ready_timeout)
  end

  @doc "The program is ready: so say all who wait for it."
  @spec ready(state) :: state
  def ready(state) do
    state = %{stop_looking(state) | ready?: true, tap: Tap.settle(state.tap)}
    for from <- state.awaiting, do: GenServer.reply(from, :ok)
    state = Notified.rearm(state)
    Report.ready(Starter.answer(%{state | awaiting: []}, {:ok, self()}))
  end

  defp stop_looking(%{ready: nil} = state), do: state

  defp stop_looking(%{ready: {_ref, ready}} = state) do
    Ready.stop(ready)
    State.cancel_timer(%{state | ready: nil}, :ready)
  end

  @doc "It is not, and will not be."
  @spec not_ready(state, :timeout | {:failed, term}) :: next
  def not_ready(state, :timeout), do: give_up(state, error(state, :timeout))

  def not_ready(state, {:failed, reason}) do
    error = %{error(state, :check_failed) | subject: Exception.format_exit(reason)}
    give_up(state, error)
  end

  defp error(state, reason), do: %Error{stage: :ready, reason: reason, subject: program(state)}
  defp program(%{config: %{command: %{call: {program, _args, _opts}}}}), do: program

  # What becomes of the error is decided when the program is dead.
  defp give_up(state, error) do
    Session.begin_stop(state.session, :default)
    %{stop_looking(state) | intent: {:fail, error}}
  end

  @doc "Stops the program, to be started again."
  @spec restart(state) :: next
  def restart(%{phase: :running} = state) do
    Session.begin_stop(state.session, :default)
    %{stop_looking(state) | intent: :restart}
  end

  def restart(%{phase: :backing_off} = state),
    do: state |> State.cancel_timer(:restart) |> prepare()

  def restart(state), do: state

  @doc "Another one has the lock of `:single_instance`."
  @spec taken(state, pos_integer | nil) :: next
  def taken(%{starting?: false, session: nil} = state, os_pid) do
    why = {:already_running, os_pid}
    follow(state, Policy.failed(state.policy, why), why)
  end

  def taken(state, os_pid), do: {:stop, {:already_running, os_pid}, state}

  ## The end of a run

  # The delay after three attempts in a row.
  @hopeless 200

  @doc "The program could not be started."
  @spec failed(state, Error.t()) :: next
  def failed(%{intent: {:fail, _}} = state, error), do: fail(%{state | session: nil}, error)
  def failed(state, error), do: fail(Report.failed(%{state | session: nil}, error), error)

  defp fail(%{starting?: true} = state, error), do: {:stop, Starter.reason(error), state}

  defp fail(state, %{stage: :launcher} = error),
    do: follow(state, Policy.launcher_down(state.policy), error)

  defp fail(state, error),
    do: follow(state, Policy.failed(state.policy, Starter.reason(error)), error)

  @doc "The program has ended, and nothing of it is left; or its launcher has."
  @spec ended(state, map | :launcher_down) :: next
  def ended(state, how) do
    result = how_ended(Result.new(state.os_pid, how), state)
    uptime = State.uptime(state)
    state = finish(%{state | lost?: how == :launcher_down}, result)
    next(state, state.intent, result, uptime)
  end

  defp how_ended(%{reason: :stopped} = result, %{intent: :watchdog}),
    do: %{result | reason: :watchdog}

  defp how_ended(result, _state), do: result

  # The launcher went away before it could start anything.
  defp finish(%{phase: :starting} = state, _result), do: %{state | session: nil}

  defp finish(state, result) do
    state = %{stop_looking(state) | session: nil, phase: :ended, since: nil, last: result}
    state = State.cancel_timer(state, :watchdog)
    state = Credit.forget(%{Pause.forget(state) | tap: flush(state)})
    remove_pidfile(state)
    Lock.note(state.lock, nil)
    Report.exited(state, result)
  end

  # What a sink hands on comes later than the program's end.
  defp flush(%{sinks: sinks, tap: tap}) when sinks != nil, do: tap

  # A function of the user that has raised, and so ended the daemon, may do so again.
  defp flush(%{tap: tap} = state), do: guarded(state, tap, fn -> Tap.flush(tap) end)

  defp guarded(%{ending?: false}, _tap, fun), do: fun.()

  defp guarded(_ending, tap, fun) do
    fun.()
  catch
    _kind, _reason -> tap
  end

  defp remove_pidfile(state) do
    if path = pidfile(state), do: Pidfile.remove(path, state.os_pid)
  end

  defp next(state, {:fail, error}, result, _uptime) do
    {state, result} = complete(state, result)
    failed(state, %{error | result: result})
  end

  defp next(state, :restart, _result, _uptime), do: again(state, 0, :restart)
  defp next(state, :watchdog, result, uptime), do: next(state, nil, result, uptime)

  # A port program that dies at every start is not waited for for ever.
  defp next(%{starting?: true, policy: %{launcher_delay: delay}} = state, nil, _result, _uptime)
       when delay >= @hopeless do
    launcher = inspect(state.config.command.launcher)
    fail(state, %Error{stage: :launcher, reason: :launcher_down, subject: launcher})
  end

  defp next(%{starting?: true} = state, nil, result, _uptime)
       when result.reason != :launcher_down do
    {state, result} = complete(state, result)
    fail(state, %{error(state, :exit_status) | result: result})
  end

  defp next(state, nil, result, uptime) do
    if result.reason == :launcher_down and gone?(state.config.command.launcher),
      do: {:stop, :launcher_down, state},
      else: follow(state, Policy.ended(state.policy, result, uptime), result.reason)
  end

  # A start that fails is the daemon's end as well: what the program wrote is awaited from its sinks.
  defp complete(%{starting?: true} = state, result) do
    state = close_sinks(state)
    {state, Tap.complete(state.tap, result)}
  end

  defp complete(state, result), do: {state, Tap.complete(state.tap, result)}

  # A name may be somebody's again, a process will not.
  defp gone?(launcher), do: is_pid(launcher) and not Process.alive?(launcher)

  defp follow(state, {:stop, reason}, _why), do: {:stop, reason, state}

  defp follow(state, {:restart, delay, policy}, why),
    do: again(%{state | policy: policy}, delay, why)

  defp again(state, delay, why) do
    state = Report.restart(%{state | restarts: state.restarts + 1, os_pid: nil}, why)

    if delay == 0,
      do: prepare(state),
      else: State.start_timer(%{state | phase: :backing_off, ready?: false}, :restart, delay)
  end

  ## The end of the daemon

  # Longer than what the port program takes to report what SIGKILL did not kill.
  @patience 9_000

  @doc "Stops what there is, and waits for the end of the program; what it still writes is not lost."
  @spec stop(state) :: state
  def stop(state) do
    state = Credit.give(%{stop_asides(stop_looking(state)) | ending?: true})

    if state.session do
      Session.begin_stop(state.session, state.ladder)
      drain(state, State.now() + state.session.patience + patience(state.ladder) + @patience)
    else
      state
    end
  end

  defp patience(:default), do: 0
  defp patience(ladder), do: ladder |> Enum.map(&elem(&1, 1)) |> Enum.sum()

  defp stop_asides(state) do
    with {_ref, wait} <- state.wait, do: WaitFor.stop(wait)
    with {_ref, aside} <- state.generation, do: Generation.stop(aside)
    %{Pause.forget(state) | wait: nil, generation: nil}
  end

  defp drain(state, deadline) do
    receive do
      message -> drained(state, message, deadline)
    after
      max(deadline - State.now(), 0) -> lost(state)
    end
  end

  defp lost(state) do
    Generation.await_lost(state.config.command)
    finish(state, Result.new(state.os_pid, :launcher_down))
  end

  defp drained(state, message, deadline) do
    case Session.event(state.session, message) do
      {:ended, map} -> finish(state, Result.new(state.os_pid, map))
      {:failed, _error} -> %{state | session: nil}
      :launcher_down -> lost(state)
      {:started, os_pid} -> drain(%{state | os_pid: os_pid, phase: :running}, deadline)
      {:input_raised, _, _, _} -> drain(state, deadline)
      {:orphan_exit, os_pid, exit} -> state |> Report.orphan(os_pid, exit) |> drain(deadline)
      {stream, data} -> state |> drain_output(stream, data) |> drain(deadline)
      _other -> state |> drain_notify(message) |> drain_sinks(message) |> drain(deadline)
    end
  end

  # A program may wait until it has been heard.
  defp drain_notify(state, message) do
    case Notified.event(state, message) do
      :none -> state
      {:stop, _reason, state} -> state
      state -> state
    end
  end

  # A sink that does not read would hold up the program's end.
  defp drain_sinks(%{sinks: nil} = state, _message), do: state

  defp drain_sinks(%{sinks: sinks} = state, message) do
    case Sinks.event(sinks, message) do
      :none -> state
      {:output, data, sinks} -> put(%{state | sinks: take_all(sinks, data)}, :stdout, data)
      {:report, report, sinks} -> Report.sink(%{state | sinks: sinks}, report)
      {:ok, sinks} -> %{state | sinks: sinks}
    end
  end

  defp take_all(sinks, data), do: Sinks.taken(sinks, byte_size(data))

  @doc "Has the sinks write what there is, and end."
  @spec close_sinks(state) :: state
  def close_sinks(%{sinks: nil} = state), do: state

  def close_sinks(%{sinks: sinks} = state) do
    ref = make_ref()
    me = self()
    Sinks.close(sinks, &send(me, {ref, &1}))
    state = last_words(%{state | sinks: nil}, ref)
    %{state | tap: flush(state)}
  end

  defp last_words(state, ref) do
    receive do
      {^ref, {:output, data}} -> state |> put(:stdout, data) |> last_words(ref)
      {^ref, {:report, report}} -> state |> Report.sink(report) |> last_words(ref)
      {^ref, {:tail, data}} -> last_words(%{state | tap: Tap.tail(state.tap, data)}, ref)
    after
      0 -> state
    end
  end

  # Everything is taken at once now, or a consumer that does not would hold up the end.
  defp drain_output(state, stream, data) do
    Session.taken(state.session, stream, byte_size(data))
    put(state, stream, data)
  end

  defp put(state, stream, data),
    do: %{state | tap: guarded(state, state.tap, fn -> Tap.put(state.tap, stream, data) end)}
end
