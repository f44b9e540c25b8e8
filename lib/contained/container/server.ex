defmodule Contained.Container.Server do
  @moduledoc false
  # The process of a container. It owns the path at its launcher; the modules beside it decide.

  use GenServer

  alias Contained.Container.{Census, Config, Events, Shutdown, Start}
  alias Contained.{Error, Limits}

  defstruct [:config, :launcher, :own_launcher, :ref, :daemons, :mode, :known, :looking, :timer] ++
              [limits: [], group_limits: [], not_applied: [], commands: %{}, events: %{}] ++
              [counters: nil, waiting: [], look_again?: false, ladder: :default, stopper: nil]

  @type t :: %__MODULE__{}

  @spec start_link(Config.t()) :: GenServer.on_start()
  def start_link(config) do
    name = if config.registered, do: [name: config.registered], else: []
    GenServer.start_link(__MODULE__, config, name)
  end

  @impl true
  def init(config) do
    Process.flag(:trap_exit, true)
    events = Events.new(config.subscribers)

    case Start.open(%__MODULE__{config: config, events: events, counters: Census.zero()}) do
      {:ok, state} -> {:ok, started(state)}
      {:error, error} -> {:stop, error}
    end
  end

  defp started(state) do
    {:ok, daemons} = DynamicSupervisor.start_link(strategy: :one_for_one)
    # Who subscribed before the start misses nobody, however late the first look is.
    state = %{state | daemons: daemons, known: if(Events.any?(state.events), do: %{})}
    publish(state, :started, %{path: state.config.path, not_applied: state.not_applied})
    poll(state)
  end

  ## Questions

  @impl true
  def handle_call(:placement, _from, state) do
    place = Map.take(state, [:launcher, :daemons])
    place = Map.merge(place, Map.take(state.config, [:path, :group, :defaults]))
    {:reply, place, state}
  end

  def handle_call(:info, _from, state), do: {:reply, info(state), state}

  def handle_call({:subscribe, pid}, _from, state),
    do: {:reply, :ok, poll(%{state | events: Events.subscribe(state.events, pid)})}

  def handle_call({:unsubscribe, pid}, _from, state),
    do: {:reply, :ok, %{state | events: Events.unsubscribe(state.events, pid)}}

  def handle_call({:set_limits, place, wire}, _from, state) do
    case Start.set_limits(state, place, wire) do
      {:ok, state} -> {:reply, :ok, state}
      {:error, error} -> {:reply, {:error, error}, state}
    end
  end

  def handle_call(:wait, from, state),
    do: {:noreply, look(%{state | waiting: [from | state.waiting]})}

  def handle_call({:stop, ladder}, from, state),
    do: {:stop, :normal, %{state | ladder: ladder, stopper: from}}

  defp info(state) do
    %{
      name: state.config.name,
      group: state.config.group,
      path: state.config.path,
      launcher: state.launcher,
      mode: state.mode,
      limits: Limits.decode(state.limits),
      group_limits: Limits.decode(state.group_limits),
      not_applied: state.not_applied,
      commands: for({ref, command} <- state.commands, do: Map.put(command, :ref, ref))
    }
  end

  ## What the launcher tells

  @impl true
  def handle_info({ref, message}, %{ref: ref} = state), do: told(message, state)

  def handle_info({:DOWN, ref, :process, _pid, reason}, %{ref: ref} = state),
    do: {:stop, {:launcher_down, reason}, %{state | launcher: nil}}

  def handle_info({{Census, :look}, ref, :process, _pid, reason}, %{looking: ref} = state),
    do: {:noreply, seen(reason, %{state | looking: nil})}

  def handle_info({:subscriber_down, monitor, :process, _pid, _reason}, state),
    do: {:noreply, %{state | events: Events.down(state.events, monitor)}}

  def handle_info(:poll, state), do: {:noreply, poll(look(%{state | timer: nil}))}

  def handle_info({:EXIT, daemons, reason}, %{daemons: daemons} = state),
    do: {:stop, {:daemons, reason}, %{state | daemons: nil}}

  def handle_info({:EXIT, launcher, reason}, %{own_launcher: launcher} = state),
    do: {:stop, {:launcher_down, reason}, %{state | launcher: nil, own_launcher: nil}}

  def handle_info(_stray, state), do: {:noreply, state}

  defp told({:started, command, os_pid}, state) do
    publish(state, :process_joined, %{
      os_pid: os_pid,
      program: command.program,
      registered: true
    })

    {:noreply, put_in(state.commands[command.ref], Map.delete(command, :ref))}
  end

  defp told({:orphan_exit, command, {os_pid, exit}}, state) do
    publish(state, :orphan_exited, %{os_pid: os_pid, program: command.program, exit: exit})
    {:noreply, state}
  end

  defp told({:over, command, how}, state) do
    state = %{state | commands: Map.delete(state.commands, command.ref)}
    over(command, how, if(oom?(how), do: look(state), else: look_for_waiting(state)))
  end

  defp told({:group, kind, details}, state), do: {:noreply, happened(kind, details, state)}

  defp told(:port_down, %{config: %{on_launcher_down: :exit}} = state),
    do: {:stop, :launcher_down, state}

  # Its launcher asks for the group again, and tells how that goes.
  defp told(:port_down, state) do
    state = %{state | known: state.known && %{}, counters: Census.zero()}
    publish(state, :started, %{path: state.config.path, not_applied: state.not_applied})
    {:noreply, state}
  end

  defp told({:ok, _done}, state), do: {:noreply, state}

  defp told({:error, _stage, reason, _path}, %{mode: :sessions} = state) when reason == :enotsup,
    do: {:noreply, state}

  defp told({:error, stage, reason, subject}, state) do
    error = Error.new(stage, reason, subject)
    publish(state, :process_error, %{error: error, program: nil})
    {:stop, error, state}
  end

  ## Commands

  defp over(command, how, state) do
    case Events.over(state.events, command, how) do
      {:failed, error} -> failed({:command_failed, command.program, error}, state)
      {:ended, result} -> ended(command, result, state)
    end
  end

  # v1 does not tell of it otherwise.
  defp oom?({:ended, %{oom_kills: kills}}), do: kills > 0
  defp oom?(_how), do: false

  defp ended(_command, %{reason: :exit, status: 0}, state), do: {:noreply, state}

  defp ended(_command, %{reason: reason}, state) when reason in [:stopped, :launcher_down],
    do: {:noreply, state}

  defp ended(command, result, state),
    do: failed({:command_failed, command.program, result}, state)

  defp failed(reason, %{config: %{on_failure: :stop}} = state), do: {:stop, reason, state}
  defp failed(_reason, state), do: {:noreply, state}

  ## The group

  defp happened(kind, _details, state) when kind in [:populated, :empty],
    do: look_for_waiting(state)

  defp happened(:oom, %{count: count}, state), do: counted(state, %{oom: count})

  defp happened(:limit_hit, %{limit: key, count: count}, state),
    do: counted(state, %{key => count})

  defp counted(state, counts),
    do: %{state | counters: Events.counted(state.events, state.counters, counts)}

  ## Looking

  # Only as long as somebody wants to know.
  defp poll(state) do
    if state.timer == nil and wanted?(state),
      do: %{look(state) | timer: Process.send_after(self(), :poll, state.config.poll_interval)},
      else: state
  end

  defp wanted?(state), do: Events.any?(state.events) or state.waiting != []

  defp look_for_waiting(%{waiting: []} = state), do: state
  defp look_for_waiting(state), do: look(state)

  defp look(%{looking: nil} = state) do
    commands = Map.keys(state.commands)

    %{
      state
      | looking: Census.start(state.launcher, state.config.path, commands),
        look_again?: false
    }
  end

  defp look(state), do: %{state | look_again?: true}

  defp seen({:shutdown, %{processes: processes, counters: counters}}, state) do
    leaders = for {_ref, %{os_pid: os_pid}} <- state.commands, do: os_pid
    {known, joined, left} = Census.compare(state.known, processes, leaders)
    for process <- joined, do: publish(state, :process_joined, row(process))
    for process <- left, do: publish(state, :process_exited, row(process))
    state |> counted(counters) |> Map.put(:known, known) |> release(processes) |> again()
  end

  defp seen(_crashed, state), do: again(state)

  defp row(process) do
    row = Map.take(process, [:ppid, :name, :command])
    Map.merge(row, %{os_pid: process.pid, registered: false})
  end

  defp release(%{commands: commands} = state, []) when commands == %{} do
    for from <- state.waiting, do: GenServer.reply(from, :ok)
    %{state | waiting: []}
  end

  defp release(state, _processes), do: poll(state)

  defp again(%{look_again?: true} = state), do: look(state)
  defp again(state), do: state

  defp publish(state, event, details), do: Events.publish(state.events, event, details)

  ## The end

  @impl true
  def terminate(reason, state) do
    Shutdown.run(reason, state)
    publish(state, :stopped, %{reason: reason})
    for from <- state.waiting, do: GenServer.reply(from, :ok)
    if state.stopper, do: GenServer.reply(state.stopper, :ok)
  end

  # What is logged of a crash names no option's value: the environment may hold secrets.
  def format_status(%{state: %__MODULE__{} = state} = status), do: %{status | state: info(state)}
  def format_status(status), do: status
end
