defmodule Contained.Cgroup do
  @moduledoc """
  The control group of a running command: what it uses, what it may use, who is in it.

      {:ok, process} = Contained.start("make", ["-j8"], limits: [memory: "1G"])
      {:ok, %{memory: %{current: bytes}}} = Contained.Cgroup.stats(process)
      :ok = Contained.Cgroup.set_limits(process, memory: "2G", cpu: 1.5)
      :ok = Contained.Cgroup.freeze(process)
      :ok = Contained.Cgroup.thaw(process)

  All functions are for any process, not for the owner of the command alone. With native functions (see
  `Contained.Native`) the VM looks by itself, once it knows where; else, and when there is anything to refuse, they go
  through the launcher to its port program, which does what is asked and reads back what it wrote; each gives up
  after ten seconds. What the kernel refuses is `{:error, %Contained.Error{}}` with its POSIX reason. For
  a command that has ended the reason is `:esrch`, for what does not exist on this machine `:enotsup`.

  The limits are those of `:limits` in `Contained.start/3`, see the guide "Limits".
  """

  alias Contained.Cgroup.{Name, Places, Stats, Watcher}
  alias Contained.{Error, Isolation, Limits, Native, Options, Process, Session}

  # How long freezing may take; a task that waits for a disk that does not answer takes longer.
  @freeze_timeout 5_000
  @pause 5

  # The pair is for processes of ours that have no handle.
  @type target :: Process.t() | {pid, reference}

  @typedoc """
  What the control groups of a launcher can do on this machine.

    * `:containment` - `:cgroup2`, `:hybrid` (v2 tracks and kills, v1 limits), `:cgroup1`, or
      `:best_effort` where there are no control groups to use
    * `:cgroup` - the directory that holds the groups of the launcher's commands, `""` for none
    * `:limits` - the keys of `:limits` that work here
    * `:refused` - what the launcher would use and the kernel does not have, or forbids
  """
  @type info :: %{containment: atom, cgroup: binary, limits: [atom], refused: [atom]}

  @doc """
  Tells what the control groups of a launcher can do. It starts the port program if none runs.
  """
  @spec info(GenServer.server() | :dedicated) :: {:ok, info} | {:error, Error.t()}
  def info(launcher \\ Contained.Launcher), do: Session.ask_launcher(launcher, :greet)

  @doc """
  Removes what launchers that were killed have left: their groups, and the processes in them. Each
  launcher does so when it starts. Returns how many trees of groups were removed.

  What belongs to a launcher that is alive, or that runs in another PID namespace, is not touched.
  """
  @spec sweep(GenServer.server() | :dedicated) :: {:ok, non_neg_integer} | {:error, Error.t()}
  def sweep(launcher \\ Contained.Launcher), do: Session.ask_launcher(launcher, :sweep)

  @doc """
  What the command and its descendants have used and use now.

      {:ok,
       %{
         cpu: %{usage_us: 5120, user_us: 2100, system_us: 3020},
         memory: %{current: 1_245_184, peak: 2_301_952, oom_kill: 0},
         pids: %{current: 3},
         populated: true,
         frozen: false
       }}

  Of memory, pids and io there is what the kernel counts: that takes a limit of that kind for the
  command, or on control groups v2 one for any command.
  """
  @spec stats(target) :: {:ok, map} | {:error, Error.t()}
  def stats(process) do
    answer = process |> Places.stats() |> or_port(process, :stats)
    with {:ok, numbers} <- answer, do: {:ok, Stats.stats(numbers)}
  end

  # What the VM does by itself, or the port program. That has the last word: it knows whether the command has
  # ended, may do more, and its refusals are the same on every machine.
  defp perform(process, operation, native) do
    with {:ok, places} <- Places.fetch(process) do
      native.(places)
    end
    |> or_port(process, operation)
  end

  defp or_port({:ok, term}, _process, _operation), do: {:ok, term}
  defp or_port({:error, %Error{}} = error, _process, _operation), do: error
  defp or_port(_none_or_refused, process, operation), do: Session.control(process, operation)

  @doc """
  How much the command has had to wait for processors, memory and disks, in percent of the last 10, 60 and
  300 seconds and in microseconds altogether ("pressure stall information").

      {:ok, %{cpu: %{some: %{avg10: 1.5, avg60: 0.4, avg300: 0.1, total: 81_234}}}}

  Only control groups v2 have it, and only if the kernel was built for it.
  """
  @spec pressure(target) :: {:ok, map} | {:error, Error.t()}
  def pressure(process), do: pressure([:cpu, :memory, :io], process, %{}, nil)

  defp pressure([], _process, found, error) do
    if found == %{}, do: {:error, error}, else: {:ok, found}
  end

  defp pressure([resource | others], process, found, _error) do
    case get(process, "#{resource}.pressure") do
      {:ok, text} ->
        pressure(others, process, Map.put(found, resource, Stats.pressure(text)), nil)

      {:error, %{reason: :esrch} = error} ->
        {:error, error}

      {:error, error} ->
        pressure(others, process, found, error)
    end
  end

  @doc """
  Where the command's memory is, by kind and NUMA node: memory.numa_stat, in bytes on control groups v2
  (cgroup-v2.rst) and in pages on v1 (cgroup-v1/memory.rst).

      {:ok, %{"anon" => %{0 => 819_200, 1 => 4_096}, "file" => %{0 => 0, 1 => 0}}}

  There is none without the memory controller (see `stats/1`) and NUMA in the kernel: the reason is `:enotsup`.
  """
  @spec numa(target) ::
          {:ok, %{binary => %{non_neg_integer => non_neg_integer}}} | {:error, Error.t()}
  def numa(process) do
    with {:ok, text} <- get(process, "memory.numa_stat"), do: {:ok, Stats.numa(text)}
  end

  @doc """
  The processes of the command, itself and its descendants.

  Each is a map with `:pid`, `:ppid`, `:name`, `:command` (its arguments), `:state` (as in
  proc_pid_stat(5): `"R"`, `"S"`, `"D"`, `"Z"`, ...) and `:start_time` (clock ticks since boot).
  """
  @spec processes(target) :: {:ok, [map]} | {:error, Error.t()}
  def processes(process) do
    with {:ok, all} <- perform(process, :processes, &Native.processes/1) do
      {:ok, all |> Enum.map(&Stats.process/1) |> Enum.reject(&Isolation.init?(&1.pid, &1.name))}
    end
  end

  @doc """
  The ids of the threads of the command and its descendants, gettid(2). A process's first thread has its own id.
  """
  @spec threads(target) :: {:ok, [pos_integer]} | {:error, Error.t()}
  def threads(process) do
    with {:ok, ids} <- perform(process, :threads, &Native.threads/1),
         do: {:ok, Enum.reject(ids, &Isolation.init?/1)}
  end

  @doc """
  Whether the process `os_pid` is the command or one of its descendants. False when the command has
  ended; raises when the launcher does not answer.
  """
  @spec member?(target, pos_integer) :: boolean
  def member?(process, os_pid) when is_integer(os_pid) do
    case processes(process) do
      {:ok, all} -> Enum.any?(all, &(&1.pid == os_pid))
      {:error, %{reason: :esrch}} -> false
      {:error, error} -> raise error
    end
  end

  @doc """
  The limits in force, as the kernel has them and as `set_limits/2` takes them.

      {:ok, [memory: 67_108_864, pids: 100]}
  """
  @spec limits(target) :: {:ok, keyword} | {:error, Error.t()}
  def limits(process) do
    answer = perform(process, :limits, &Native.limits/1)
    with {:ok, wire} <- answer, do: {:ok, Limits.decode(wire)}
  end

  @doc """
  Changes limits of the running command; those that are not named stay. `:max` takes one away.

  The first that is refused is returned as the error; those before it are set.
  """
  @spec set_limits(target, keyword | map) :: :ok | {:error, Error.t()}
  def set_limits(process, limits) do
    case Limits.encode(limits) do
      {:ok, wire} -> done(perform(process, {:set_limits, wire}, &Native.set_limits(&1, wire)))
      {:error, text} -> raise ArgumentError, "invalid limits: #{text}"
    end
  end

  @doc """
  Stops all processes of the command where they are, until `thaw/1`. They cannot tell, and they
  can still be killed.

  Returns when the kernel says that they are frozen. When that takes more than five seconds they are
  thawed again, and the reason is `:timeout`.
  """
  @spec freeze(target) :: :ok | {:error, Error.t()}
  def freeze(process) do
    with {:ok, _} <- perform(process, :freeze, &Native.freeze/1),
         {:error, %{reason: :timeout}} = error <- await(process, true) do
      perform(process, :thaw, &Native.thaw/1)
      error
    else
      {:error, error} -> {:error, error}
      :ok -> :ok
    end
  end

  @doc "Lets the processes of the command go on."
  @spec thaw(target) :: :ok | {:error, Error.t()}
  def thaw(process) do
    with {:ok, _} <- perform(process, :thaw, &Native.thaw/1), do: await(process, false)
  end

  defp await(process, frozen?), do: await(process, frozen?, now() + @freeze_timeout)

  defp await(process, frozen?, deadline) do
    case stats(process) do
      {:ok, %{frozen: state}} when state != frozen? -> await_longer(process, frozen?, deadline)
      {:ok, _stats} -> :ok
      error -> error
    end
  end

  defp await_longer(process, frozen?, deadline) do
    if now() > deadline do
      {:error, Error.new(:cgroup, :timeout, if(frozen?, do: "freeze", else: "thaw"))}
    else
      receive(after: (@pause -> :ok))
      await(process, frozen?, deadline)
    end
  end

  defp now, do: System.monotonic_time(:millisecond)

  @doc """
  Kills the command and all its descendants by SIGKILL, without its stop ladder. Does not wait for
  their end, see `Contained.Process.stop/2`; `Contained.Process.await/2` tells it.
  """
  @spec kill(target) :: :ok | {:error, Error.t()}
  def kill(process) do
    with {:ok, places} <- Places.fetch(process),
         {:ok, nil} <- Native.kill(places) do
      # It finds a command that has left its groups. Nobody waits for one that hangs.
      Session.Requests.tell(process, :kill)
    else
      {:error, %Error{} = error} -> {:error, error}
      _none_or_refused -> done(Session.control(process, :kill))
    end
  end

  @doc """
  Moves a process that was started by others into the command's control group: it is limited,
  frozen and killed with the command from then on.
  """
  @spec migrate(target, pos_integer) :: :ok | {:error, Error.t()}
  def migrate(process, os_pid) when is_integer(os_pid) and os_pid in 2..0x7FFFFFFF do
    done(perform(process, {:migrate, os_pid}, &Native.migrate(&1, os_pid)))
  end

  @doc """
  The text of a file of the command's control group, such as `"memory.current"`, as the kernel
  gives it. The reason is `:enoent` or `:enotsup` when there is no such file.
  """
  @spec get(target, binary) :: {:ok, binary} | {:error, Error.t()}
  def get(process, file) do
    unless Name.file?(file), do: invalid!(file)
    perform(process, {:get, file}, &Native.get(&1, file))
  end

  @doc """
  Writes to a file of the command's control group, such as `"memory.high"`.

  Files that move processes, `cgroup.procs` and the like, are refused: see `migrate/2`.
  """
  @spec set(target, binary, binary | integer) :: :ok | {:error, Error.t()}
  def set(process, file, value) do
    unless Name.settable?(file), do: invalid!(file)

    case Options.Check.setting_value(value) do
      {:ok, text} -> done(perform(process, {:set, file, text}, &Native.set(&1, file, text)))
      :error -> raise ArgumentError, "invalid value for #{file}: #{inspect(value)}"
    end
  end

  defp invalid!(file) do
    raise ArgumentError,
          "invalid name of a control group's file, expected one such as \"memory.high\", got: " <>
            inspect(file)
  end

  @doc "The directory of the command's control group, `\"\"` where it has none."
  @spec path(target) :: {:ok, binary} | {:error, Error.t()}
  def path(process), do: Session.control(process, :path)

  @typedoc """
  What `subscribe/2` is asked for. Pressure: that processes have stalled for so many microseconds, the third, within so many,
  the fourth, which is 500,000 to 10,000,000 (without CAP_SYS_RESOURCE a multiple of 2,000,000). `:some` of them, or `:full`, all.
  """
  @type event ::
          :populated
          | :frozen
          | {:pressure, :cpu | :memory | :io, :some | :full, pos_integer, pos_integer}

  @doc """
  Sends messages to the caller when something changes in the command's control group. Returns the process that
  sends them, `watcher`:

    * `{Contained.Cgroup, watcher, {:populated, boolean}}` - there are processes in it, or none any more
    * `{Contained.Cgroup, watcher, {:frozen, boolean}}`
    * `{Contained.Cgroup, watcher, {:pressure, resource, kind, pressure}}` - at most once in each window;
      `pressure` is that of `pressure/1` for the resource
    * `{Contained.Cgroup, watcher, :ended}` - the command has ended, and with it the watcher

  With native functions and control groups v2 it is the kernel that tells (cgroup.events in cgroup-v2.rst, triggers in
  psi.rst); else the watcher looks ten times in a second, and what lasts shorter may be missed. The reason is `:enotsup`
  where there are no control groups, or the kernel tells no pressure.

  `unsubscribe/1` ends it; it also ends with the caller.
  """
  @spec subscribe(target, [event]) :: {:ok, pid} | {:error, Error.t()}
  def subscribe(process, events) when is_list(events) and events != [] do
    unless Enum.all?(events, &event?/1),
      do: raise(ArgumentError, "invalid events of a control group: #{inspect(events)}")

    with :ok <- pressure_known(process, events), do: Watcher.start(process, events)
  end

  defp event?(flag) when flag in [:populated, :frozen], do: true

  defp event?({:pressure, resource, kind, stall, window}) do
    resource in [:cpu, :memory, :io] and kind in [:some, :full] and is_integer(stall) and
      stall > 0 and
      is_integer(window) and window in 500_000..10_000_000 and stall <= window
  end

  defp event?(_other), do: false

  defp pressure_known(process, events) do
    asked = for {:pressure, resource, _, _, _} <- events, do: resource

    Enum.find_value(asked, :ok, fn resource ->
      case get(process, "#{resource}.pressure") do
        {:ok, _text} -> nil
        error -> error
      end
    end)
  end

  @doc "Ends a watcher of `subscribe/2`. Messages that it has sent may still be in the mailbox."
  @spec unsubscribe(pid) :: :ok
  def unsubscribe(watcher) do
    GenServer.stop(watcher)
  catch
    :exit, _ended -> :ok
  end

  @doc """
  Where the command's control groups are, as the functions of `Contained.Native` take them: first the one that
  tracks it, on v1 those of its limits beside it. `[]` where it has none.
  """
  @spec places(target) :: {:ok, [Native.place()]} | {:error, Error.t()}
  def places(process), do: Session.control(process, :places)

  defp done({:ok, _nothing}), do: :ok
  defp done({:error, error}), do: {:error, error}
end
