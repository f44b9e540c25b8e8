defmodule Contained.Info do
  @moduledoc false
  # A snapshot for people and remote shells. Launchers register in a table of the application, so
  # that nobody has to be asked to find them; each gets a second to answer.

  @table __MODULE__
  @timeout 1_000

  @type t :: %{version: binary | nil, launchers: [map], commands: [map]}

  @doc "Makes the table; it belongs to the calling process."
  @spec new_table() :: :ok
  def new_table do
    :ets.new(@table, [:named_table, :public, :set])
    :ok
  end

  @doc "Makes the calling launcher known, if the application runs."
  @spec register(term) :: boolean
  def register(name) do
    if table?(), do: forget_dead() and :ets.insert(@table, {self(), name}), else: false
  end

  # Those that were killed could not unregister.
  defp forget_dead,
    do: Enum.all?(registered(), fn {pid, _} -> Process.alive?(pid) or forget(pid) end)

  @spec unregister() :: boolean
  def unregister, do: if(table?(), do: :ets.delete(@table, self()), else: false)

  defp table?, do: :ets.whereis(@table) != :undefined

  @spec info() :: t
  def info do
    launchers = Enum.flat_map(registered(), &ask/1)

    %{
      version: version(),
      launchers: Enum.map(launchers, &Map.delete(&1, :commands)),
      commands: Enum.flat_map(launchers, &commands/1)
    }
  end

  defp version do
    case Application.spec(:contained, :vsn) do
      nil -> nil
      vsn -> List.to_string(vsn)
    end
  end

  defp registered, do: if(table?(), do: :ets.tab2list(@table), else: [])

  defp ask({pid, name}) do
    [GenServer.call(pid, :info, @timeout)]
  catch
    :exit, {:timeout, _} ->
      [%{name: name, pid: pid, sessions: :unknown, commands: []}]

    :exit, _dead ->
      forget(pid)
      []
  end

  defp forget(pid), do: :ets.delete(@table, pid)

  defp commands(launcher), do: Enum.map(launcher.commands, &Map.put(&1, :launcher, launcher.pid))
end
