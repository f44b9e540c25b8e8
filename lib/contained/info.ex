defmodule Contained.Info do
  @moduledoc false
  # A snapshot for people and remote shells. Launchers register in a table of the application, so
  # that nobody has to be asked to find them; each gets a second to answer. The table also says which
  # port programs launchers had that were killed, for these stop their commands by themselves; and
  # which launchers run one daemon's program alone.

  @table __MODULE__
  @timeout 1_000
  # To try everything takes some tens of milliseconds.
  @fresh 60_000
  @for_us [:ref, :grace]

  @type t :: %{
          version: binary | nil,
          native: term,
          namespaces: %{atom => Contained.Isolation.verdict()},
          pid_isolation: Contained.Isolation.verdict(),
          seccomp: Contained.Isolation.verdict(),
          landlock: Contained.Isolation.verdict(),
          launchers: [map],
          commands: [map]
        }

  @doc "Makes the table; it belongs to the calling process."
  @spec new_table() :: :ok
  def new_table do
    :ets.new(@table, [:named_table, :public, :set])
    :ok
  end

  @doc "Makes the calling launcher known, if the application runs."
  @spec register(term) :: boolean
  def register(name) do
    if table?(), do: forget_dead() and :ets.insert(@table, {self(), name, [], []}), else: false
  end

  # Those that were killed could not unregister.
  defp forget_dead do
    :ets.tab2list(@table) |> Enum.all?(&(needed?(&1) or forget(elem(&1, 0))))
  end

  defp needed?({{:slot, _slot}, launcher, _owner}),
    do: Process.alive?(launcher) or orphaned([launcher]) != []

  defp needed?({:probe, _program, _at, _found}), do: true

  defp needed?({pid, _name, program, lost}),
    do: Process.alive?(pid) or Enum.any?(program ++ lost, &Contained.Port.alive?/1)

  @doc "Makes known which processes the calling launcher's port program consists of."
  @spec opened([Contained.Port.identity()]) :: boolean
  def opened(program), do: update(fn _closed, lost -> {program, lost} end)

  @doc "The calling launcher's port program is lost, but may still be cleaning up."
  @spec closed() :: boolean
  def closed do
    update(fn program, lost -> {[], Enum.filter(program ++ lost, &Contained.Port.alive?/1)} end)
  end

  defp update(change) do
    with true <- table?(), [{pid, name, program, lost}] <- :ets.lookup(@table, self()) do
      {program, lost} = change.(program, lost)
      :ets.insert(@table, {pid, name, program, lost})
    else
      _no_table -> false
    end
  end

  @doc """
  The processes of port programs that one of `launchers`, by name or pid, has lost or left behind:
  commands may still live there.
  """
  @spec orphaned([term]) :: [Contained.Port.identity()]
  def orphaned(launchers) do
    for {pid, name, program, lost} <- registered(),
        pid in launchers or (name != nil and name in launchers),
        identity <- if(Process.alive?(pid), do: lost, else: program ++ lost),
        Contained.Port.alive?(identity),
        do: identity
  end

  @doc "Notes that `launcher` runs only the session of a slot, for the calling process."
  @spec dedicate(term, pid) :: boolean
  def dedicate(slot, launcher),
    do: if(table?(), do: :ets.insert(@table, {{:slot, slot}, launcher, self()}), else: false)

  @doc "The launcher noted for a slot, unless somebody else has it who is alive."
  @spec dedicated(term) :: pid | nil
  def dedicated(slot) do
    with true <- table?(),
         [{_slot, launcher, owner}] <- :ets.lookup(@table, {:slot, slot}),
         true <- owner == self() or not Process.alive?(owner) do
      launcher
    else
      _none -> nil
    end
  end

  @spec unregister() :: boolean
  def unregister, do: if(table?(), do: :ets.delete(@table, self()), else: false)

  defp table?, do: :ets.whereis(@table) != :undefined

  @spec info() :: t
  def info do
    launchers = launchers()

    Map.merge(probe(), %{
      version: version(),
      native: Contained.Native.status(),
      launchers: Enum.map(launchers, &Map.delete(&1, :commands)),
      commands: launchers |> Enum.flat_map(&commands/1) |> Enum.map(&Map.drop(&1, @for_us))
    })
  end

  # Kept for a while by the application, for the same program.
  defp probe do
    {program, now} = {Contained.Port.locate(), System.monotonic_time(:millisecond)}

    case if(table?(), do: :ets.lookup(@table, :probe), else: []) do
      [{:probe, ^program, at, found}] when now - at < @fresh -> found
      _none_or_old -> keep(Contained.Isolation.probe(), program, now)
    end
  end

  defp keep({tried, found}, program, now) do
    if tried == :ok and table?(), do: :ets.insert(@table, {:probe, program, now, found})
    found
  end

  @doc "The running commands, each with the reference by which its launcher knows it."
  @spec commands() :: [map]
  def commands, do: Enum.flat_map(launchers(), &commands/1)

  @doc "The running commands, for people."
  @spec list() :: [map]
  def list, do: Enum.map(commands(), &Map.drop(&1, @for_us))

  @doc "Stops all running commands at the same time."
  @spec stop_all(:default | keyword) :: :ok | {:error, :timeout}
  def stop_all(ladder) do
    commands()
    |> Enum.map(&handle/1)
    |> Task.async_stream(&Contained.Process.stop(&1, ladder),
      max_concurrency: 10_000,
      timeout: :infinity
    )
    |> Enum.find(:ok, &(&1 != {:ok, :ok}))
    |> settled()
  end

  # The port program gives SIGKILL, after the ladder, five seconds.
  defp handle(command) do
    fields =
      command
      |> Map.take([:ref, :launcher, :owner, :os_pid])
      |> Map.put(:patience, command.grace + 7_000)

    struct!(Contained.Process, fields)
  end

  defp settled(:ok), do: :ok
  defp settled({:ok, error}), do: error

  defp launchers, do: Enum.flat_map(registered(), &ask/1)

  defp version do
    case Application.spec(:contained, :vsn) do
      nil -> nil
      vsn -> List.to_string(vsn)
    end
  end

  defp registered do
    rows = if table?(), do: :ets.tab2list(@table), else: []
    Enum.filter(rows, &is_pid(elem(&1, 0)))
  end

  defp ask({pid, name, _program, _lost}) do
    [GenServer.call(pid, :info, @timeout)]
  catch
    :exit, {:timeout, _} ->
      [%{name: name, pid: pid, sessions: :unknown, commands: []}]

    :exit, _dead ->
      forget(pid)
      []
  end

  defp forget(key), do: :ets.delete(@table, key)

  defp commands(launcher), do: Enum.map(launcher.commands, &Map.put(&1, :launcher, launcher.pid))
end
