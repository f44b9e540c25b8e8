defmodule Contained.Launcher do
  @moduledoc """
  Owns one port program, and with it every command started through it.

  The application starts one launcher under this module's name, which all commands use unless told
  otherwise. Its port program is started with the first command. More launchers may stand in
  a supervision tree, each with a port program and a tree of control groups of its own:

      children = [
        {Contained.Launcher, name: MyApp.Launcher},
        {MyApp.Encoder, launcher: MyApp.Launcher}
      ]

  ## Options

    * `:name` - under which the launcher is registered, as for `GenServer.start_link/3`
    * `:cgroup_base` - path of the control group directory below which commands get their groups;
      by default the port program looks for one
    * `:containment` - what commands are contained by: `:auto`, the best that this machine has (the
      default); `:required`, the same, but without control groups no command is started; or one of
      `:cgroup2`, `:hybrid`, `:cgroup1` and `:best_effort`, for tests and special hosts. See the
      guide "Delegation"
    * `:take_over` - when true, the processes in the control group of the VM are moved into a group
      `main` below it, so that limits can be set in the groups beside; default false
    * `:heartbeat` - milliseconds between two looks whether the port program still answers, while
      commands run. Defaults to 500; a program that is silent for five of them is killed

  The default launcher takes them from the application environment:

      config :contained, :launcher, cgroup_base: "/sys/fs/cgroup/my.slice"

  ## Life and death

  A launcher outlives its port program. When the program dies, its commands die with it, whoever
  waits for one is told `:launcher_down` at once, and the program is started again: first
  immediately, then after 50 ms, doubling to 2 s. A command that comes meanwhile waits for that. A
  program that hangs is recognised within three seconds and killed; with native functions (see
  `Contained.Native`) its commands are killed by the VM itself, without its help.

  When the launcher is shut down by its supervisor, each command is stopped by its own ladder (see
  `:stop_signal` in `Contained.start/3`) before the launcher ends. Its child specification allows
  30 seconds for that; give more, by `Supervisor.child_spec/2`, where ladders are longer:

      Supervisor.child_spec({Contained.Launcher, name: MyApp.Launcher}, shutdown: 120_000)

  When the launcher itself is killed, or the whole VM, the port program stops the commands in the
  same way.
  """

  use GenServer

  alias Contained.Cgroup.Places
  alias Contained.{Info, Protocol, Signals, Telemetry}

  alias Contained.Launcher.{Arguments, Backoff, Containers, Effects, Heartbeat}
  alias Contained.Launcher.{Link, Links, Rescue, Sessions}

  @heartbeat 500
  @shutdown 30_000
  # For the port program to clean up after the last command, and for its guardian alone after that.
  @patience 1_000
  # For the guardian, while callers wait to be told.
  @cleanup 200

  defstruct [:name, :link, :interval, :tick, :retry, :lifetime] ++
              [stopping?: false, relayed?: false, vm_signals: 0, greets: [], links: Links.new()] ++
              [sessions: Sessions.new(), beat: Heartbeat.new(), backoff: Backoff.new()]

  @type option ::
          {:name, GenServer.name()}
          | {:cgroup_base, Path.t()}
          | {:containment, :auto | :required | :cgroup2 | :hybrid | :cgroup1 | :best_effort}
          | {:take_over, boolean}
          | {:heartbeat, pos_integer}

  @doc "Starts a launcher. It cannot fail for want of a port program: commands say so."
  @spec start_link([option]) :: GenServer.on_start()
  def start_link(opts \\ []) do
    Arguments.check!(opts)

    GenServer.start_link(
      __MODULE__,
      opts,
      [spawn_opt: spawn_opts()] ++ Keyword.take(opts, [:name])
    )
  end

  @doc "A child specification with the options of `start_link/1`."
  @spec child_spec([option]) :: Supervisor.child_spec()
  def child_spec(opts) do
    id = Keyword.get(opts, :name, __MODULE__)
    %{id: id, start: {__MODULE__, :start_link, [opts]}, shutdown: @shutdown}
  end

  # Frames pass through; the heap must not keep them for long.
  defp spawn_opts, do: [fullsweep_after: 10]

  # The process that runs a command's session. Without a default launcher (Mix tasks, scripts)
  # and for `:dedicated` it is one for that command alone, which ends with it or with the caller.
  @doc false
  @spec find(GenServer.server() | :dedicated) ::
          {:ok, pid | {atom, node}} | {:error, :noproc}
  def find(:dedicated), do: GenServer.start(__MODULE__, [owner: self()], spawn_opt: spawn_opts())

  def find(server) do
    case GenServer.whereis(server) do
      nil when server == __MODULE__ -> find(:dedicated)
      nil -> {:error, :noproc}
      found -> {:ok, found}
    end
  end

  ## Callbacks

  @impl true
  def init(opts) do
    Process.flag(:trap_exit, true)
    Info.register(opts[:name])
    Places.forget_dead()

    {:ok,
     %__MODULE__{
       name: opts[:name],
       link: opts |> Arguments.words() |> Link.new(),
       interval: Keyword.get(opts, :heartbeat, @heartbeat),
       lifetime: lifetime(opts[:owner])
     }}
  end

  defp lifetime(nil), do: :permanent

  defp lifetime(owner) do
    :erlang.monitor(:process, owner, tag: :caller_down)
    :one_session
  end

  @impl true
  def handle_call(:info, _from, state), do: {:reply, info(state), state}

  @impl true
  def handle_info(:tick, state) do
    case tick(%{state | tick: nil}) do
      %{tick: nil} = state -> {:noreply, state, :hibernate}
      state -> {:noreply, state}
    end
  end

  def handle_info(message, state) do
    case handle(message, state) do
      %{lifetime: :over} = state -> {:stop, :normal, state}
      state -> {:noreply, state}
    end
  end

  @impl true
  def terminate(_reason, state) do
    if Link.open?(state.link), do: shut_down(state), else: fail_all(state, :launcher_down)
    Info.unregister()
  end

  ## The port program's messages

  defp handle({port, {:data, frame}}, %{link: %{port: port}} = state) do
    case Protocol.decode(frame) do
      {:ok, {:output, id, number, data}} -> relay(state, id, number, data)
      {:ok, event} -> state |> heard(:control) |> event(event)
      :error -> kill(state)
    end
  end

  defp handle({port, {:exit_status, _}}, %{link: %{port: port}} = state), do: down(state)
  defp handle({:EXIT, port, _}, %{link: %{port: port}} = state), do: down(state)

  ## Those of clients

  defp handle({:contained, :start, ref, owner, spec}, state), do: start(state, ref, owner, spec)

  defp handle({:contained, :credit, ref, stream, bytes}, state),
    do: perform(state, Sessions.credit(state.sessions, ref, stream, bytes))

  defp handle({:contained, :write, ref, fd, chunk, reply}, state),
    do: perform(state, Sessions.write(state.sessions, ref, fd, chunk, reply))

  defp handle({:contained, :close_input, ref, fd}, state),
    do: perform(state, Sessions.close_input(state.sessions, ref, fd))

  defp handle({:contained, :signal, ref, number, target, reply}, state),
    do: perform(state, Sessions.signal(state.sessions, ref, number, target, reply))

  defp handle({:contained, :control, {:group, _path} = group, operation, reply}, state),
    do: ask(state, Sessions.control(state.sessions, group, operation, reply))

  defp handle({:contained, :control, ref, operation, reply}, state) do
    perform(state, Sessions.control(state.sessions, ref, operation, reply))
  end

  defp handle({:contained, :container, request}, state),
    do: perform(state, Containers.request(state.sessions, request))

  defp handle({:contained, :link, change}, state),
    do: link(state, Links.change(state.links, change))

  defp handle({:contained, question, reply}, state) when question in [:greet, :sweep],
    do: question(question, reply, state)

  defp handle({:contained, :stop, ref, ladder, reply}, state),
    do: perform(state, Sessions.stop(state.sessions, ref, ladder, reply))

  defp handle({{:owner_down, id}, _monitor, :process, _pid, _reason}, state) do
    perform(state, Sessions.owner_down(state.sessions, id))
  end

  defp handle({{:container_down, path}, _monitor, :process, _pid, _reason}, state),
    do: perform(state, Containers.request(state.sessions, {:close, path}))

  defp handle({{:link_owner_down, name}, _monitor, :process, _pid, _reason}, state),
    do: link(state, Links.change(state.links, {:close, name}))

  ## And our own

  defp handle({:caller_down, _monitor, :process, _pid, _reason}, state), do: end_if_idle(state)
  defp handle(:flush, state), do: %{state | link: Link.flush(state.link)}
  defp handle(:reopen, state), do: open(%{state | retry: nil})
  defp handle(:tick, state), do: tick(%{state | tick: nil})

  # Only while shutting down, when no GenServer loop is there to answer.
  defp handle({:"$gen_call", from, :info}, state) do
    GenServer.reply(from, info(state))
    state
  end

  # Of a closed port, and of strangers.
  defp handle(_other, state), do: state

  ## Questions about no command

  defp question(_any, reply, %{stopping?: true} = state) do
    tell(reply, {:error, :launcher, :eshutdown, describe(state)})
    state
  end

  defp question(:greet, reply, state) do
    state = ensure_open(%{state | greets: [reply | state.greets]})
    ensure_ticking(greet_waiting(state))
  end

  defp question(:sweep, reply, state), do: ask(state, Sessions.sweep(state.sessions, reply))

  defp ask(state, {sessions, effects}) do
    state = ensure_open(%{state | sessions: sessions})
    # What could not be opened has answered by now.
    if Sessions.idle?(state.sessions),
      do: state,
      else: ensure_ticking(perform(state, {state.sessions, effects}))
  end

  defp greet_waiting(%{link: %{hello: nil}} = state), do: state

  defp greet_waiting(state) do
    for reply <- state.greets, do: tell(reply, {:ok, Link.abilities(state.link)})
    end_if_idle(%{state | greets: []})
  end

  ## Sessions

  defp start(%{stopping?: true} = state, ref, _owner, _spec) do
    tell(ref, {:failed, :launcher, :eshutdown, describe(state)})
    state
  end

  defp start(state, ref, owner, spec) do
    failed = Sessions.misplaced(state.sessions, spec)
    if failed, do: tell(ref, failed) && state, else: add(state, ref, owner, spec)
  end

  defp add(state, ref, owner, spec) do
    {id, sessions} = Sessions.reserve(state.sessions)
    monitor = :erlang.monitor(:process, owner, tag: {:owner_down, id})
    sessions = Sessions.add(sessions, id, ref, {owner, monitor}, spec)
    launch(ensure_open(%{state | sessions: sessions}), id, spec)
  end

  defp ensure_open(%{retry: nil} = state),
    do: if(Link.open?(state.link), do: state, else: open(state))

  defp ensure_open(state), do: state

  # Nothing to launch when the port could not be opened: the session has failed already.
  defp launch(state, id, spec) do
    if Sessions.ref(state.sessions, id),
      do: state |> perform(Sessions.launch(state.sessions, id, spec)) |> ensure_ticking(),
      else: state
  end

  defp relay(state, id, number, data) do
    case Sessions.ref(state.sessions, id) do
      nil -> :ok
      ref -> tell(ref, {:output, number, data})
    end

    heard(state, :output)
  end

  defp event(state, {:hello, version, info}) do
    if version == Protocol.version(), do: greeted(state, info), else: kill(state)
  end

  defp event(state, {:pong, _number}), do: state

  defp event(state, {:vm_signal, number}) do
    state = %{state | vm_signals: state.vm_signals + 1}
    effect({:report, [:launcher, :signal], %{signal: Signals.name(number)}}, state)
  end

  defp event(state, {:started, _, _} = event) do
    state = %{state | backoff: Backoff.worked(state.backoff)}
    perform(state, Sessions.event(state.sessions, event))
  end

  defp event(state, event), do: perform(state, Sessions.event(state.sessions, event))

  defp greeted(state, info) do
    Info.opened([info.guardian, info.worker])
    greet_waiting(%{state | link: Link.greeted(state.link, info)})
  end

  defp perform(state, {sessions, effects}) do
    effects |> Enum.reduce(%{state | sessions: sessions}, &effect/2) |> end_if_idle()
  end

  defp effect({:launch, id, spec}, state) do
    frame = Protocol.start(id, Link.complete(state.link, spec))

    if IO.iodata_length(frame) > Protocol.max_request() do
      perform(state, Sessions.fail(state.sessions, id, {:failed, :exec, :e2big, spec.program}))
    else
      transmit(state, frame)
    end
  end

  defp effect({:frame, frame}, state), do: transmit(state, frame)

  defp effect(effect, state) do
    Effects.perform(effect, state.name || self())
    state
  end

  defp tell(ref, message), do: Effects.perform({:tell, ref, message}, nil)

  defp transmit(state, frame), do: %{state | link: Link.transmit(state.link, frame)}

  defp end_if_idle(%{lifetime: :one_session} = state) do
    if idle?(state), do: %{state | lifetime: :over}, else: state
  end

  defp end_if_idle(state), do: state

  defp idle?(state), do: state.greets == [] and Sessions.idle?(state.sessions)

  defp link(state, {links, frames}),
    do: Enum.reduce(frames, %{state | links: links}, &transmit(&2, &1))

  ## The port

  defp open(state) do
    case Link.open(state.link) do
      {:ok, link} -> opened(%{state | link: link})
      {:error, errno, subject} -> fail_all(state, {:failed, :launcher, errno, subject})
    end
  end

  defp opened(state) do
    %{state | beat: Heartbeat.new(), backoff: Backoff.opened(state.backoff, now())}
  end

  # The program is gone, with all that ran in it.
  defp down(state) do
    Telemetry.report([:launcher, :down], %{launcher: state.name || self()})
    Info.closed()
    # Mostly its guardian has done so, but it may have been killed as well.
    Rescue.kill_groups(state.link, 0)
    # What the next one is told of the links waits from now on, before anything that names one.
    state = link(%{state | link: Link.close(state.link)}, Links.all(state.links))
    state = fail_all(state, :launcher_down)
    state = perform(state, Containers.again(state.sessions))
    if state.stopping? or state.lifetime != :permanent, do: state, else: reopen(state)
  end

  defp reopen(state) do
    {delay, backoff} = Backoff.failed(state.backoff, now())
    %{state | backoff: backoff, retry: Process.send_after(self(), :reopen, delay)}
  end

  defp fail_all(state, message) do
    for reply <- state.greets, do: tell(reply, failure(message))
    perform(%{state | greets: []}, Sessions.fail_all(state.sessions, message))
  end

  defp failure({:failed, stage, errno, subject}), do: {:error, stage, errno, subject}
  defp failure(:launcher_down), do: {:error, :launcher, :launcher_down, ""}

  # It hangs, or talks nonsense.
  defp kill(state) do
    Rescue.kill_groups(state.link, @cleanup)
    Link.kill(state.link, if(state.stopping?, do: @patience, else: @cleanup))
    down(state)
  end

  defp heard(state, kind) do
    beat = Heartbeat.heard(state.beat, kind)
    if beat === state.beat, do: state, else: %{state | beat: beat}
  end

  defp ensure_ticking(%{tick: nil} = state) do
    %{state | beat: Heartbeat.new(), tick: Process.send_after(self(), :tick, state.interval)}
  end

  defp ensure_ticking(state), do: state

  defp tick(state) do
    cond do
      idle?(state) -> %{state | relayed?: false}
      Link.open?(state.link) -> state |> collect_garbage() |> beat() |> tick_again()
      true -> tick_again(state)
    end
  end

  # After a while with output comes one without: let go of the frames.
  defp collect_garbage(%{beat: %{heard: :output}} = state), do: %{state | relayed?: true}

  defp collect_garbage(%{relayed?: true} = state) do
    :erlang.garbage_collect()
    %{state | relayed?: false}
  end

  defp collect_garbage(state), do: state

  defp beat(state) do
    {verdict, beat} = Heartbeat.tick(state.beat)
    state = %{state | beat: beat}

    case verdict do
      {:ping, number} -> transmit(state, Protocol.ping(number))
      :wedged -> kill(state)
      :wedged_unless_starved -> if Link.starved?(state.link), do: state, else: kill(state)
      _alive_or_wait -> state
    end
  end

  defp tick_again(state) do
    %{state | tick: Process.send_after(self(), :tick, state.interval)}
  end

  ## The end

  # What the commands still say reaches their callers meanwhile.
  defp shut_down(state) do
    state = transmit(%{state | stopping?: true}, Protocol.shutdown())
    drain(state, now() + Sessions.longest_grace(state.sessions) + @patience)
  end

  defp drain(state, deadline) do
    if Link.open?(state.link), do: drain_next(state, deadline), else: state
  end

  defp drain_next(state, deadline) do
    receive do
      message -> message |> handle(state) |> drain(deadline)
    after
      max(deadline - now(), 0) -> kill(state)
    end
  end

  defp info(state) do
    hello = state.link.hello || %{}

    state.link
    |> Link.abilities()
    |> Map.merge(Link.seals(state.link))
    |> Map.merge(%{
      name: state.name,
      pid: self(),
      os_pids:
        hello |> Map.take([:guardian, :worker]) |> Map.new(fn {k, {pid, _}} -> {k, pid} end),
      port_version: hello[:version],
      sessions: Sessions.size(state.sessions),
      vm_signals: state.vm_signals,
      commands: Sessions.list(state.sessions)
    })
  end

  defp describe(%{name: nil}), do: inspect(self())
  defp describe(%{name: name}), do: inspect(name)

  defp now, do: System.monotonic_time(:millisecond)
end
