defmodule Contained.Native do
  @moduledoc """
  Native functions of the VM itself: control groups and processes without the port program.

  Everything works without them. Where the library `priv/contained_nif.so` was built and could be loaded,
  `loaded?/0` is true, `Contained.Cgroup` looks at running commands by itself, which takes a fraction of the time,
  and a port program that hangs is cleaned up after at once. Else all functions but `loaded?/0` raise
  `:nif_not_loaded` (an `ErlangError`). See the guide "Native functions".

  What a function is refused is `{:error, stage, errno, subject}`, all but the subject atoms:
  `{:error, :cgroup, :enoent, "/sys/fs/cgroup/x"}`. Arguments of another shape raise `ArgumentError`.

  ## Groups

  Those of a command are named by their *places*, as `Contained.Cgroup.places/1` tells them, or by any
  directory of control groups:

      [{[], "/sys/fs/cgroup/my.slice"}]
      [{["freezer"], "/sys/fs/cgroup/freezer/jobs/1"}, {["memory"], "/sys/fs/cgroup/memory/jobs/1"}]

  First the one that tracks and kills, on v1 followed by others. The list of controllers is on v1 that of the hierarchy,
  and on v2 that of those by which `set_limits/2` may limit.

  ## Processes

      {:ok, handle} = Contained.Native.open(4711)
      {:ok, ref} = Contained.Native.monitor(handle)
      {:ok, nil} = Contained.Native.signal(handle, 15)
      receive do {:contained_exit, ^ref, _handle} -> :gone end

  A handle is a pidfd: it means that very process, also when its id has been given to another. It is closed by
  `close/1`, when the process that opened it ends, and when nobody has it any more. A message that is waited for
  keeps it.
  """

  @on_load :load

  @typedoc "Controllers and absolute path; `Contained.Cgroup.places/1` adds inode number and CPU time before."
  @type place ::
          {[binary], binary}
          | {[binary], binary, non_neg_integer, nil | {non_neg_integer, non_neg_integer}}
  @type places :: [place, ...]
  @type error :: {:error, stage :: atom, errno :: atom, subject :: binary}
  @opaque handle :: reference

  @typedoc """
  What `capabilities/0` tells: the hierarchy of control groups v2 and those of v1 that may be written to, each with its
  mount point and the group of this VM (`own`, `""` where the mount does not show it); whether pidfd_open(2) works;
  whether the kernel tells pressure.
  """
  @type capabilities :: %{
          cgroup2: nil | %{mountpoint: binary, own: binary, controllers: [binary]},
          cgroup1: [%{mountpoint: binary, own: binary, controllers: [binary]}],
          pidfd: boolean,
          pressure: boolean
        }

  # A module whose on_load fails is not there at all, so that nobody could ask.
  @doc false
  def load do
    case :erlang.load_nif(String.to_charlist(path()), 0) do
      :ok -> :persistent_term.erase({__MODULE__, :refused})
      {:error, {reason, text}} -> refused(reason, List.to_string(text))
    end

    :ok
  end

  defp refused(reason, text),
    do: :persistent_term.put({__MODULE__, :refused}, "#{reason}: #{text}")

  # Without ".so", which load_nif adds. No other module of ours is called: this runs as soon as the module is
  # compiled.
  defp path do
    case :code.priv_dir(:contained) do
      {:error, :bad_name} -> beside_beams()
      dir -> Path.join(List.to_string(dir), "contained_nif")
    end
  end

  defp beside_beams do
    case :code.which(__MODULE__) do
      file when is_list(file) -> Path.expand("../../priv/contained_nif", List.to_string(file))
      _unknown -> "contained_nif"
    end
  end

  @doc "Whether the library is loaded."
  @spec loaded?() :: boolean
  def loaded?, do: false

  @doc "Whether it is loaded, or why not."
  @spec status() :: :loaded | {:not_loaded, binary}
  def status do
    if loaded?(),
      do: :loaded,
      else: {:not_loaded, :persistent_term.get({__MODULE__, :refused}, "not loaded")}
  end

  @doc "What this machine has."
  @spec capabilities() :: capabilities
  def capabilities, do: missing()

  @doc """
  A handle of groups for `stats/1`: their files stay open, which halves its time. It is closed when nobody has it any
  more. `:emfile` when such handles have taken a quarter of the descriptors that the VM may have.
  """
  @spec open_groups(places) :: {:ok, handle} | error
  def open_groups(_places), do: missing()

  @doc "What is counted for the groups, by the names of the port protocol: `[{\"cpu_usage_us\", 5120}, ...]`."
  @spec stats(places | handle) :: {:ok, [{binary, non_neg_integer}]} | error
  def stats(_places), do: missing()

  @doc "The processes in the groups and below: maps, see \"Control\" in the port protocol."
  @spec processes(places) :: {:ok, [map]} | error
  def processes(_places), do: missing()

  @doc "The ids of all threads of these processes."
  @spec threads(places) :: {:ok, [pos_integer]} | error
  def threads(_places), do: missing()

  @doc "The limits in force, other than the kernel's defaults."
  @spec limits(places) :: {:ok, [{binary, binary}]} | error
  def limits(_places), do: missing()

  @doc "Sets limits, in order. `:enotsup` for those of controllers that no place names."
  @spec set_limits(places, [{binary, binary}]) :: {:ok, nil} | error
  def set_limits(_places, _limits), do: missing()

  @doc "Asks for the processes to be frozen; `frozen` of `stats/1` is 1 when they are."
  @spec freeze(places) :: {:ok, nil} | error
  def freeze(_places), do: missing()

  @doc "Lets them go on."
  @spec thaw(places) :: {:ok, nil} | error
  def thaw(_places), do: missing()

  @doc "SIGKILL to all processes, one round: again until `populated` of `stats/1` is 0."
  @spec kill(places) :: {:ok, nil} | error
  def kill(_places), do: missing()

  @doc "The text of a file of the groups."
  @spec get(places, binary) :: {:ok, binary} | error
  def get(_places, _file), do: missing()

  @doc "Writes to one, with one write(2). Those that move processes or would take the group away are `:eperm`."
  @spec set(places, binary, binary) :: {:ok, nil} | error
  def set(_places, _file, _value), do: missing()

  @doc "Moves a process into the groups."
  @spec migrate(places, pos_integer) :: {:ok, nil} | error
  def migrate(_places, _os_pid), do: missing()

  @doc false
  # One round of kill and remove of a launcher's groups, in each hierarchy; true when all are gone.
  @spec kill_trees(binary) :: {:ok, boolean} | error
  def kill_trees(_path), do: missing()

  @doc "Opens a process by its id, see pidfd_open(2). `:esrch` when there is none."
  @spec open(pos_integer) :: {:ok, handle} | error
  def open(_os_pid), do: missing()

  @doc "Sends a signal by its number, 0 for none: `:esrch` when the process has exited and was reaped."
  @spec signal(handle, non_neg_integer) :: {:ok, nil} | error
  def signal(_handle, _number), do: missing()

  @doc """
  Sends `{:contained_exit, ref, handle}` to the caller when the process has exited, also when it has already.

  Of several calls with one handle only the last one's message comes.
  """
  @spec monitor(handle) :: {:ok, reference} | error
  def monitor(_handle), do: missing()

  @doc """
  A trigger of pressure: `await_event/1` tells when the processes of the group `path`, an absolute directory of
  control groups v2, have stalled for `stall_us` microseconds within a window of `window_us`, waiting for `resource`,
  `:some` of them or the `:full` lot. `path` may be `"/proc/pressure"` for the whole machine.

  Windows are 500 ms to 10 s; without CAP_SYS_RESOURCE a kernel takes multiples of two seconds, if any: `:einval` else. See "Monitoring
  for pressure thresholds" in the kernel's psi.rst.
  """
  @spec monitor_pressure(binary, :cpu | :memory | :io, :some | :full, pos_integer, pos_integer) ::
          {:ok, handle} | error
  def monitor_pressure(path, resource, kind, stall_us, window_us)
      when resource in [:cpu, :memory, :io] and kind in [:some, :full] and
             is_integer(stall_us) and is_integer(window_us) do
    watch(path, pressure_file(path, resource), "#{kind} #{stall_us} #{window_us}")
  end

  defp pressure_file("/proc/pressure", resource), do: "#{resource}"
  defp pressure_file(_group, resource), do: "#{resource}.pressure"

  @doc """
  Watches cgroup.events of the group `path`, v2: whether there are processes in it, and whether it is frozen.
  `await_event/1` tells when that has changed since `look_at/1`.
  """
  @spec monitor_events(binary) :: {:ok, handle} | error
  def monitor_events(path), do: watch(path, "cgroup.events", "")

  @doc false
  @spec watch(binary, binary, binary) :: {:ok, handle} | error
  def watch(_path, _file, _trigger), do: missing()

  @doc "Sends `{:contained_event, ref, handle}` to the caller at the next event of a watched file, once."
  @spec await_event(handle) :: {:ok, reference} | error
  def await_event(_handle), do: missing()

  @doc "The text of a watched file as it is now."
  @spec look_at(handle) :: {:ok, binary} | error
  def look_at(_handle), do: missing()

  @doc "Closes a handle, true if it was open. A message that was waited for no longer comes, unless it is on its way."
  @spec close(handle) :: boolean
  def close(_handle), do: missing()

  defp missing, do: :erlang.nif_error(:nif_not_loaded)
end
