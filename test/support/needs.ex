defmodule Contained.Needs do
  @moduledoc false
  # What a test needs of the machine, for `@tag skip:`: false where it is there, else the words by
  # which the test is listed as not run. Asked of the default launcher.

  alias Contained.Cgroup

  def root, do: if(root?(), do: false, else: "needs root")

  def root?, do: match?({"0\n", 0}, System.cmd("id", ["-u"]))

  def not_root, do: if(root?(), do: "needs a user that is not root", else: false)

  @doc "Namespaces for commands, be it by way of one of users."
  def isolation do
    case Contained.info().pid_isolation do
      {:error, words} -> "needs namespaces: " <> words
      _possible -> false
    end
  end

  @doc "A capability of ours, by its number in capabilities(7)."
  def capability(number, name) do
    [_, set] = Regex.run(~r/^CapEff:\t([0-9a-f]+)$/m, File.read!("/proc/self/status"))
    {mask, ""} = Integer.parse(set, 16)
    if Bitwise.band(mask, Bitwise.bsl(1, number)) != 0, do: false, else: "needs #{name}"
  end

  @doc "Ids that the VM's user may map: all for root, else those of /etc/subuid by newuidmap(1)."
  def id_ranges do
    cond do
      root?() -> false
      words = program("newuidmap") -> words
      range("/etc/subuid") && range("/etc/subgid") -> false
      true -> "needs ranges in /etc/subuid and /etc/subgid"
    end
  end

  @doc "The first range of the VM's user in such a file, `{first, count}`."
  def range(file) do
    {name, 0} = System.cmd("id", ["-un"])

    if root?() do
      {100_000, 65_536}
    else
      with {:ok, text} <- File.read(file),
           [_, first, count] <- Regex.run(~r/^#{String.trim(name)}:(\d+):(\d+)$/m, text) do
        {String.to_integer(first), String.to_integer(count)}
      else
        _none -> nil
      end
    end
  end

  @doc "Limits that work here."
  def limits(keys) do
    case List.wrap(keys) -- info().limits do
      [] -> false
      missing -> "needs the limits #{Enum.map_join(missing, ", ", &inspect/1)}"
    end
  end

  @doc "One of these kinds of containment."
  def containment(kinds) do
    kind = info().containment
    if kind in kinds, do: false, else: "needs #{Enum.join(kinds, " or ")}, this is #{kind}"
  end

  @doc "A control group for each command."
  def groups, do: containment([:cgroup2, :hybrid, :cgroup1])

  @doc "A control group v2 for each command."
  def groups_v2, do: containment([:cgroup2, :hybrid])

  @doc "The native functions, which are optional."
  def native do
    case Contained.Native.status() do
      :loaded -> false
      {:not_loaded, why} -> "needs the native functions: #{why}"
    end
  end

  @doc "A kernel that tells this user when a group is under pressure."
  def triggers do
    with false <- file("cpu.pressure") do
      window = 2_000_000
      asked = Contained.Native.monitor_pressure("/proc/pressure", :cpu, :some, 100_000, window)
      if match?({:ok, _}, asked), do: false, else: "needs triggers of pressure: #{inspect(asked)}"
    end
  end

  @doc "A file of a command's control group."
  def file(name) do
    with false <- groups() do
      {:ok, process} = Contained.start("sleep", ["60"])
      answer = Cgroup.get(process, name)
      Contained.Process.stop(process, [])
      if match?({:ok, _}, answer), do: false, else: "needs the file #{name} of a control group"
    end
  end

  @doc "A program of the system, see scripts/setup."
  def program(name) do
    if System.find_executable(name), do: false, else: "needs the program #{name}"
  end

  @doc "So many gigabytes of disk for temporary files."
  def disk(gigabytes) do
    {table, 0} = System.cmd("df", ["-Pk", System.tmp_dir!()])
    [_, free] = Regex.run(~r/(\d+) +\d+% [^\n]*\n\z/, table)

    if String.to_integer(free) > gigabytes * 1_000_000,
      do: false,
      else: "needs #{gigabytes} GB of disk"
  end

  @doc "All of these, in one word for each that is missing."
  def all(needs), do: Enum.find(needs, false, & &1)

  @doc "Filters of system calls."
  def seccomp, do: if(seals().seccomp, do: false, else: "needs seccomp filters and libseccomp")

  def landlock, do: if(seals().landlock, do: false, else: "needs a kernel with Landlock")

  defp seals do
    {"", 0} = Contained.cmd("true", [])
    GenServer.call(Contained.Launcher, :info, 60_000)
  end

  def info do
    case Cgroup.info() do
      {:ok, info} -> info
      {:error, _none} -> %{containment: :none, limits: []}
    end
  end
end
