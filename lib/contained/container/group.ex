defmodule Contained.Container.Group do
  @moduledoc false
  # What a container asks of its launcher: the path that is its own, and its control group.

  alias Contained.{Cgroup, Error, Protocol, Session}
  alias Contained.Session.Requests

  # A predecessor of the same path may still be cleaned up.
  @open_timeout 30_000
  @close_timeout 10_000

  @doc "How `Contained.Cgroup` names a group by its path."
  @spec target(pid, binary) :: {pid, {:group, binary}}
  def target(launcher, path), do: {launcher, {:group, path}}

  @spec control(pid, binary, Protocol.group_operation()) :: {:ok, term} | {:error, Error.t()}
  def control(launcher, path, operation), do: Session.control(target(launcher, path), operation)

  @doc "Has `path` for the calling process, to whose alias `ref` messages go."
  @spec open(pid, binary, reference, boolean) :: :ok | {:error, Error.t()}
  def open(launcher, path, ref, keep?) do
    owner = self()
    request = &{:contained, :container, {:open, path, ref, owner, keep?, &1}}

    case Requests.ask(launcher, @open_timeout, request) do
      {:ok, nil} -> :ok
      {:error, stage, reason, subject} -> {:error, Error.new(stage, reason, subject)}
      {:error, :closed} -> {:error, Error.new(:launcher, :launcher_down, path)}
      {:error, :timeout} -> {:error, Error.new(:container, :timeout, path)}
    end
  end

  @doc "What a new port program is to be told, in order."
  @spec setup(pid, binary, [{binary, Protocol.group_operation()}]) :: :ok
  def setup(launcher, path, setup) do
    send(launcher, {:contained, :container, {:setup, path, setup}})
    :ok
  end

  @doc "Has the commands stopped, and no more started."
  @spec stop_commands(pid, binary, :default | Protocol.ladder()) :: :ok
  def stop_commands(launcher, path, ladder) do
    send(launcher, {:contained, :container, {:stop, path, ladder}})
    :ok
  end

  @doc "Gives the path back. What is in it is killed."
  @spec close(pid, binary) :: term
  def close(launcher, path) do
    Requests.ask(launcher, @close_timeout, &{:contained, :container, {:close, path, &1}})
  end

  @doc "The processes of the group; without control groups those of its commands."
  @spec processes(pid, binary, [reference]) :: [map]
  def processes(launcher, path, commands) do
    case Cgroup.processes(target(launcher, path)) do
      {:ok, processes} -> processes
      {:error, %{reason: :enotsup}} -> Enum.flat_map(commands, &of_command(launcher, &1))
      {:error, _error} -> []
    end
  end

  defp of_command(launcher, ref) do
    case Cgroup.processes({launcher, ref}) do
      {:ok, processes} -> processes
      {:error, _ended} -> []
    end
  end
end
