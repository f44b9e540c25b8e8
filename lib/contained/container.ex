defmodule Contained.Container do
  @defaults Enum.map_join(Contained.Container.Config.defaults(), ", ", &"`#{inspect(&1)}`")

  @moduledoc """
  A control group with a name that you hold, and any number of commands and daemons in it.

      children = [
        {Contained.Container, name: MyApp.Box, group: "encoders", limits: [memory: "1G", cpu: 2]},
        {Contained.Daemon, command: "redis-server", container: MyApp.Box}
      ]

      Supervisor.start_link(children, strategy: :rest_for_one)

      {:ok, result} = Contained.Container.run(MyApp.Box, "make", ["-j8"], cd: "/src")
      :ok = Contained.Container.set_limits(MyApp.Box, memory: "2G")
      {:ok, %{memory: %{current: bytes}}} = Contained.Container.stats(MyApp.Box)

  What is in the container shares its limits, is frozen, counted and killed as one. The commands are those of
  `Contained`: `cmd/4`, `run/4`, `start/4` and `start_daemon/2` are `Contained.cmd/3` and so on with the option
  `:container`, which streams, daemons and pools take as well.

  ## Life

  A container lives until it is stopped, whether or not anything runs in it. When its process ends, in whatever
  way, its contents die, also processes that nobody registered: in order (by `stop/2`, or its supervisor), each
  command is stopped by its own ladder, and then what is left in the group is killed; when the process is killed or
  crashes, all is killed at once. The next container of the same name starts when that is done.

  A command that fails is its caller's concern; with `on_failure: :stop` it is the end of the container, with the
  reason `{:command_failed, program, result}`.

  When the port program of the launcher dies, and all that it has started with it, the group is made again with
  its limits before anything is started in it (`:on_launcher_down`). With the launcher itself the container
  ends.

  ## Groups

  The control group is `<launcher's>/<group>/<name>`, with one group for each command below it. Containers of one
  launcher and `:group` share that group, and its limits: `:group_limits`, or `set_limits/3` with `on: :group`. That
  group stays until the launcher ends.

  Without control groups to use (`containment: :best_effort`, see `Contained.Launcher`) a container still knows its
  commands, stops and kills them; limits, `freeze/1`, `stats/2` and `migrate/2` return an error with the reason
  `:enotsup`. A launcher with `containment: :required` starts no container then.

  ## Events

  Subscribers (`subscribe/1`) are told `{:contained, container, event, details}`, the container being a pid:

    * `:started` - the group has been made: `:path`, `:not_applied` (limits left out by `on_unsupported: :ignore`).
      Told to those of `:subscribers`, and again after a loss of the port program
    * `:process_joined` - `:os_pid`, `:registered`. Of a command (`registered: true`) also `:program`, at once. Of
      others `:ppid`, `:name`, `:command`, found by comparing lists of processes every `:poll_interval`: the
      kernel tells nobody sooner, and who comes and goes in between is not seen
    * `:process_exited` - the same; of a command also its `:result`
    * `:orphan_exited` - with `orphans: true`, at once: `:os_pid`, `:exit` as in `Contained.Result`, and `:program`, that of
      the command which it descends from
    * `:process_error` - a command could not be started: `:program`, `:error`
    * `:limit_hit` - `:limit` (`:memory`: it had to be reclaimed; `:pids`: a fork was refused), `:count`. On
      control groups v2 at once, on v1 found with the poll
    * `:oom` - the kernel has killed for want of memory: `:oom_kills`, how many in all. Also when the limit is that
      of the `:group`, or the machine's; told to the container whose process was killed. At once; for want of the
      machine's memory on v1 with the poll
    * `:stopped` - `:reason`

  ## Options

    * `:name` - an atom, `{:via, ...}` or `{:global, ...}`, under which the container is registered; the control
      group is called like the atom, less `Elixir.`. A binary names the control group alone
    * `:group` - the control group above, up to three names joined by `/`. Defaults to `"containers"`
    * `:cgroup_name` - the name of the control group, if it is not to be that of `:name`; without both a number
    * `:limits` - what all in the container may use together, see the guide "Limits"
    * `:group_limits` - the same for the `:group`
    * `:launcher` - as for commands; `:dedicated` is one of its own. Defaults to `Contained.Launcher`
    * `:clean_cgroup` - when false, the empty group stays for inspection until the launcher ends. Defaults to `true`
    * `:on_failure` - `:stop` ends the container when a command fails. Defaults to `:ignore`
    * `:on_launcher_down` - `:exit` ends it when the port program is lost. Defaults to `:relaunch`
    * `:poll_interval` - milliseconds between two looks at the processes, while anybody is subscribed. Defaults
      to `1_000`
    * `:subscribers` - a pid or several, as if each had called `subscribe/1` before the start
    * `:subreaper` - `true`, for the sake of those who know it from elsewhere: orphans always stay in the
      container
    * `:orphans` - when true, all its commands have `orphans: true`. Defaults to `false`
    * `:id`, `:restart`, `:shutdown`, `:significant` - as in `t:Supervisor.child_spec/0`

  Options of commands are defaults for those in it:
  #{@defaults}. Variables of `:env` are added to those of a command, which win.
  """

  alias Contained.{Cgroup, Error, Limits, Signals}
  alias Contained.Container.{Census, Config, Function, Group, Placement, Server}

  @type t :: GenServer.server()

  @typedoc "What subscribers are told, as `{:contained, container, event, details}`."
  @type event ::
          :started
          | :process_joined
          | :process_exited
          | :orphan_exited
          | :process_error
          | :limit_hit
          | :oom
          | :stopped

  ## Life

  @doc "A child specification with the options of `start_link/1`."
  @spec child_spec(keyword) :: Supervisor.child_spec()
  def child_spec(opts) do
    spec = %{
      id: Keyword.get(opts, :id, Keyword.get(opts, :name, __MODULE__)),
      start: {__MODULE__, :start_link, [opts]},
      restart: Keyword.get(opts, :restart, :permanent),
      shutdown: Keyword.get_lazy(opts, :shutdown, fn -> Config.shutdown(opts) end)
    }

    Map.merge(spec, Map.new(Keyword.take(opts, [:significant])))
  end

  @doc """
  Starts a container, linked to the calling process; returns when its group has been made.

  A limit that cannot be set, or a name that another container has, is `{:error, %Contained.Error{}}`. Wrong
  options raise `ArgumentError`.
  """
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(opts \\ []), do: opts |> Config.new() |> Server.start_link()

  @doc """
  Stops the container: its commands by their ladders or all by this one, then whatever is in its group. Returns
  when nothing of it is left. Under a supervisor a `:permanent` container is then started again.

  A ladder is as for `Contained.Process.stop/2`.
  """
  @spec stop(t, :default | [{Contained.Process.signal(), non_neg_integer}]) :: :ok
  def stop(container, ladder \\ :default)
  def stop(container, :default), do: GenServer.call(container, {:stop, :default}, :infinity)

  def stop(container, ladder) when is_list(ladder) do
    rungs = for {signal, ms} <- ladder, do: {Signals.number!(signal), ms}
    GenServer.call(container, {:stop, rungs}, :infinity)
  end

  @doc """
  Kills all that is in the container by SIGKILL, commands and others. The container itself goes on. Returns when
  nothing of them is left.
  """
  @spec kill(t) :: :ok | {:error, Error.t()}
  def kill(container) do
    with {:ok, place} <- Placement.find(container) do
      case Cgroup.kill(target(place)) do
        {:error, %{reason: :enotsup}} -> kill_commands(container, place)
        killed -> killed
      end
    end
  end

  defp kill_commands(container, place) do
    for %{ref: ref} <- info(container).commands, do: Cgroup.kill({place.launcher, ref})
    :ok
  end

  @doc """
  Sends a signal, by name or number, to all processes of all its commands. Who was moved in or left behind hears
  nothing of it.
  """
  @spec signal(t, Contained.Process.signal()) :: :ok | {:error, Error.t()}
  def signal(container, signal) do
    number = Signals.number!(signal)

    with {:ok, %{launcher: launcher}} <- Placement.find(container) do
      for %{ref: ref, os_pid: os_pid} <- info(container).commands do
        command = %Contained.Process{launcher: launcher, ref: ref, owner: nil, os_pid: os_pid}
        Contained.Session.signal(command, number, :all)
      end

      :ok
    end
  end

  @doc "Whether anything runs in the container. False when it has ended."
  @spec running?(t) :: boolean
  def running?(container), do: match?({:ok, [_ | _]}, processes(container))

  @doc """
  Waits until nothing runs in the container, or it has ended. `{:error, :timeout}` after `timeout` milliseconds.

  On control groups v2 it returns at once, on v1 within the `:poll_interval` for processes that nobody
  registered.
  """
  @spec wait(t, timeout) :: :ok | {:error, :timeout}
  def wait(container, timeout \\ :infinity) do
    GenServer.call(container, :wait, timeout)
  catch
    :exit, {:timeout, _call} -> {:error, :timeout}
    :exit, {_gone, {GenServer, :call, _}} -> :ok
  end

  @doc """
  What the container is: `:name`, `:group`, `:path` (of both), `:launcher`, `:mode` (`:groups`, or `:sessions`
  without control groups), the `:limits` and `:group_limits` asked for, `:not_applied`, and its `:commands` that run.
  """
  @spec info(t) :: map
  def info(container), do: GenServer.call(container, :info)

  @doc "Tells the calling process what happens from now on, see \"Events\"."
  @spec subscribe(t) :: :ok
  def subscribe(container), do: GenServer.call(container, {:subscribe, self()})

  @doc "No longer tells the calling process."
  @spec unsubscribe(t) :: :ok
  def unsubscribe(container), do: GenServer.call(container, {:unsubscribe, self()})

  ## Commands

  @doc "As `Contained.cmd/3`, in the container."
  @spec cmd(t, binary, [binary], keyword) :: {Collectable.t(), Contained.status()}
  def cmd(container, program, args, opts \\ []),
    do: Contained.cmd(program, args, inside(container, opts))

  @doc "As `Contained.run/3`, in the container."
  @spec run(t, binary, [binary], keyword) ::
          {:ok, Contained.Result.t()} | {:error, Error.t()}
  def run(container, program, args, opts \\ []),
    do: Contained.run(program, args, inside(container, opts))

  @doc "As `Contained.start/3`, in the container. The calling process owns the command."
  @spec start(t, binary, [binary], keyword) ::
          {:ok, Contained.Process.t()} | {:error, Error.t()}
  def start(container, program, args, opts \\ []),
    do: Contained.start(program, args, inside(container, opts))

  @doc """
  Starts a daemon in the container and under its care: it lives as long as the container, which restarts it as
  its `:restart` says. The options are those of `Contained.Daemon.start_link/1`, with `:command` and `:args`.

  A daemon of another supervisor takes the option `:container`.
  """
  @spec start_daemon(t, keyword) :: DynamicSupervisor.on_start_child() | {:error, Error.t()}
  def start_daemon(container, opts) do
    with {:ok, place} <- Placement.find(container) do
      DynamicSupervisor.start_child(
        place.daemons,
        Contained.Daemon.child_spec(inside(container, opts))
      )
    end
  end

  defp inside(container, opts), do: Keyword.put(opts, :container, container)

  @doc """
  Calls a function in a VM of its own inside the container, and returns what it returns.

      Contained.Container.run_fun(MyApp.Box, {Image, :resize, ["huge.png", 100]}, limits: [memory: "256M"])
      {:ok, 6} = Contained.Container.run_fun(MyApp.Box, fn -> 1 + 2 + 3 end)

  The VM is the same as this one, with the same code paths; it is no node of a cluster, and neither memory nor
  processes of this one are there: what the function closes over is copied, and so is what it returns. Whatever
  becomes of that VM, the caller is only told:

    * `{:ok, value}`
    * `{:error, {:raise, exception, stacktrace}}`, `{:error, {:throw, value, stacktrace}}`,
      `{:error, {:exit, reason, stacktrace}}` - of the function
    * `{:error, :oom}` - the kernel has killed it for want of memory
    * `{:error, :timeout}`, `{:error, :output_limit}`, `{:error, :stopped}`, `{:error, :launcher_down}`
    * `{:error, {:signal, number}}`, `{:error, {:exit_status, status}}` - it ended without an answer
    * `{:error, %Contained.Error{}}` - it could not be started

  What the function prints is printed by the calling process.

  ## Options

    * `:timeout` - milliseconds, the VM's start included. Defaults to `:infinity`
    * `:emulator_args` - for erl(1), such as `["+S", "1"]`
    * `:modules` - of code that is in no file, such as a module made in IEx: `{module, binary}` of what
      `defmodule` returns
    * all others as for `Contained.start/3`, such as `:limits`, `:env`, `:cd`, `:user`, `:max_output`

  A container that hides the file system (`:root`, `:chroot`) has to show it Erlang's.
  """
  @spec run_fun(t, (() -> term) | {module, atom, [term]}, keyword) ::
          {:ok, term} | {:error, term}
  def run_fun(container, function, opts \\ [])
      when is_function(function, 0) or tuple_size(function) == 3,
      do: Function.run(function, inside(container, opts))

  ## Contents

  @doc """
  The processes in the container, registered or not, see `Contained.Cgroup.processes/1`. `:registered` says whether one
  is a command's first process.
  """
  @spec processes(t) :: {:ok, [map]} | {:error, Error.t()}
  def processes(container) do
    with {:ok, place} <- Placement.find(container) do
      commands = info(container).commands
      leaders = MapSet.new(commands, & &1.os_pid)
      all = Group.processes(place.launcher, place.path, Enum.map(commands, & &1.ref))
      {:ok, Enum.map(all, &Map.put(&1, :registered, &1.pid in leaders))}
    end
  catch
    :exit, {_gone, {GenServer, :call, _}} -> {:error, gone(container)}
  end

  defp gone(container), do: Error.new(:container, :noproc, inspect(container))

  @doc "The processes as a forest: each with its `:children`."
  @spec tree(t) :: {:ok, [map]} | {:error, Error.t()}
  def tree(container) do
    with {:ok, all} <- processes(container), do: {:ok, Census.tree(all)}
  end

  @doc "The ids of all threads in the container, see `Contained.Cgroup.threads/1`."
  @spec threads(t) :: {:ok, [pos_integer]} | {:error, Error.t()}
  def threads(container), do: ask(container, &Cgroup.threads/1)

  @doc "Whether the process `os_pid` is in the container."
  @spec member?(t, pos_integer) :: boolean
  def member?(container, os_pid) when is_integer(os_pid) do
    case processes(container) do
      {:ok, all} -> Enum.any?(all, &(&1.pid == os_pid))
      {:error, _gone} -> false
    end
  end

  @doc """
  Moves a process that was started by others into the container: it is limited, frozen and killed with it from
  then on. Children that it has already stay where they are.
  """
  @spec migrate(t, pos_integer) :: :ok | {:error, Error.t()}
  def migrate(container, os_pid), do: ask(container, &Cgroup.migrate(&1, os_pid))

  @doc "Stops all processes in the container where they are, see `Contained.Cgroup.freeze/1`. What is started meanwhile begins with `thaw/1`."
  @spec freeze(t) :: :ok | {:error, Error.t()}
  def freeze(container), do: ask(container, &Cgroup.freeze/1)

  @doc "Lets them go on."
  @spec thaw(t) :: :ok | {:error, Error.t()}
  def thaw(container), do: ask(container, &Cgroup.thaw/1)

  ## Limits and figures

  @doc """
  Changes limits of the container, or with `on: :group` of the group that it shares; those that are not named stay.
  They hold what runs already, and are in force again after a loss of the port program. See
  `Contained.Cgroup.set_limits/2`.
  """
  @spec set_limits(t, keyword | map, on: :container | :group) :: :ok | {:error, Error.t()}
  def set_limits(container, limits, opts \\ []) do
    case Limits.encode(limits) do
      {:ok, wire} -> GenServer.call(container, {:set_limits, place!(opts), wire}, 30_000)
      {:error, text} -> raise ArgumentError, "invalid limits: #{text}"
    end
  end

  @doc "`set_limits/3` with `on: :group`."
  @spec set_group_limits(t, keyword | map) :: :ok | {:error, Error.t()}
  def set_group_limits(container, limits), do: set_limits(container, limits, on: :group)

  @doc "The limits in force of the container, or with `on: :group` of its group, see `Contained.Cgroup.limits/1`."
  @spec limits(t, on: :container | :group) :: {:ok, keyword} | {:error, Error.t()}
  def limits(container, opts \\ []), do: ask(container, place!(opts), &Cgroup.limits/1)

  @doc """
  What all in the container use and have used, or with `on: :group` all in its group, see
  `Contained.Cgroup.stats/1`.
  """
  @spec stats(t, on: :container | :group) :: {:ok, map} | {:error, Error.t()}
  def stats(container, opts \\ []), do: ask(container, place!(opts), &Cgroup.stats/1)

  @doc "Where their memory is, see `Contained.Cgroup.numa/1`."
  @spec numa(t) :: {:ok, %{binary => %{non_neg_integer => non_neg_integer}}} | {:error, Error.t()}
  def numa(container), do: ask(container, &Cgroup.numa/1)

  @doc """
  All that is to be known of the container at one time: `info/1` with its `:processes` and `:stats` (empty where
  there are no control groups), `:cpus`, the processors of the machine, and `:time_ms`, monotonic: of two of them the
  share of the processors is what `stats.cpu.usage_us` has grown by, over the time between.
  """
  @spec snapshot(t) :: {:ok, map} | {:error, Error.t()}
  def snapshot(container) do
    with {:ok, processes} <- processes(container) do
      stats =
        case stats(container) do
          {:ok, stats} -> stats
          {:error, _none} -> %{}
        end

      time = System.monotonic_time(:millisecond)
      more = %{processes: processes, stats: stats, cpus: cpus(), time_ms: time}
      {:ok, Map.merge(info(container), more)}
    end
  end

  defp cpus do
    case :erlang.system_info(:logical_processors_online) do
      :unknown -> System.schedulers_online()
      online -> online
    end
  end

  @doc "How much they have had to wait, see `Contained.Cgroup.pressure/1`."
  @spec pressure(t, on: :container | :group) :: {:ok, map} | {:error, Error.t()}
  def pressure(container, opts \\ []), do: ask(container, place!(opts), &Cgroup.pressure/1)

  @doc "The text of a file of the container's control group, see `Contained.Cgroup.get/2`."
  @spec get(t, binary) :: {:ok, binary} | {:error, Error.t()}
  def get(container, file), do: ask(container, &Cgroup.get(&1, file))

  @doc "Writes to such a file, see `Contained.Cgroup.set/3`. It is not written again after a loss of the port program."
  @spec set(t, binary, binary | integer) :: :ok | {:error, Error.t()}
  def set(container, file, value), do: ask(container, &Cgroup.set(&1, file, value))

  @doc "The directory of the container's control group, `\"\"` where it has none."
  @spec path(t) :: {:ok, binary} | {:error, Error.t()}
  def path(container) do
    with {:error, %{reason: :enotsup}} <- ask(container, &Cgroup.path/1), do: {:ok, ""}
  end

  defp place!(opts) do
    case opts do
      [] ->
        :container

      [on: place] when place in [:container, :group] ->
        place

      other ->
        raise ArgumentError, "expected on: :container or on: :group, got: #{inspect(other)}"
    end
  end

  defp ask(container, place \\ :container, question) do
    with {:ok, found} <- Placement.find(container), do: question.(target(found, place))
  end

  defp target(found, place \\ :container)
  defp target(found, :container), do: Group.target(found.launcher, found.path)
  defp target(found, :group), do: Group.target(found.launcher, found.group)
end
