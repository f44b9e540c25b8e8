defmodule Contained.Daemon.Generation do
  @moduledoc false
  # Two generations of a daemon's program never run at the same time.
  #
  # A daemon that ends in order waits for its program's end. One that was killed cannot: its launcher
  # stops the program, and starts none of the same *slot* before that has ended (see
  # `Contained.Launcher.Sessions`). What is left is what no launcher sees: the port program of a
  # launcher that was killed, groups that nobody could clean up, and another daemon's own launcher.
  # These are waited for here, beside the daemon.

  alias Contained.Daemon.Aside
  alias Contained.{Info, Session}

  @pause 10
  # A port program stops its commands by their ladders first; longer than that it has lost its way.
  @patience 30_000

  @doc """
  What makes two daemons generations of the same: their name; else the supervisor and the `:id`, or
  the command. A supervisor that is restarted is known by the nearest name above it.
  """
  @spec slot(map, binary, [binary]) :: term
  def slot(%{name: name}, _program, _args), do: {:name, name}
  def slot(%{id: id}, _program, _args), do: {place(), {:id, id}}
  def slot(_options, program, args), do: {place(), {program, args}}

  defp place do
    ancestors = Process.get(:"$ancestors", [])
    Enum.find(ancestors, &is_atom/1) || List.last(ancestors)
  end

  @doc """
  Waits for the one before, if there may be any that the launcher does not know of: `:ready`, or a
  process that sends `{__MODULE__, ref, _}` when it is time.

  `lost?` says that the program before was lost with its launcher's port program.
  """
  @spec await(Contained.Command.t(), term, boolean, reference) :: :ready | Aside.t()
  def await(%{launcher: launcher} = command, slot, lost?, ref) do
    predecessor = predecessor(command, slot)
    launchers = [launcher | List.wrap(predecessor)]

    if lost? or alive?(predecessor) or Info.orphaned(launchers) != [],
      do: Aside.start(__MODULE__, ref, fn -> await_all(predecessor, launchers, lost?) end),
      else: :ready
  end

  defp alive?(predecessor), do: predecessor != nil and Process.alive?(predecessor)

  @spec stop(Aside.t()) :: :ok
  def stop(aside), do: Aside.stop(aside)

  @doc "Notes the launcher of a session, which is known to nobody else if it is its own."
  @spec launched(Contained.Command.t(), term, pid) :: boolean
  def launched(%{launcher: :dedicated}, slot, launcher), do: Info.dedicate(slot, launcher)
  def launched(_command, _slot, _launcher), do: true

  @doc "Waits here for the end of what the port program left that was lost while it was to stop this."
  @spec await_lost(Contained.Command.t()) :: term
  def await_lost(%{launcher: launcher}), do: await_all(nil, [launcher], true)

  defp predecessor(%{launcher: :dedicated}, slot), do: Info.dedicated(slot)
  defp predecessor(_command, _slot), do: nil

  defp await_all(predecessor, [launcher | _] = launchers, lost?) do
    if predecessor, do: await_down(Process.monitor(predecessor))
    await_orphans(launchers, System.monotonic_time(:millisecond) + @patience)
    # When guardian and worker were both killed, nobody but the next one cleans up.
    if lost?, do: Session.ask_launcher(launcher, :sweep)
  end

  defp await_down(monitor) do
    receive do
      {:DOWN, ^monitor, _, _, _} -> :ok
    after
      @patience -> :ok
    end
  end

  defp await_orphans(launchers, deadline) do
    if Info.orphaned(launchers) != [] and System.monotonic_time(:millisecond) < deadline do
      Process.sleep(@pause)
      await_orphans(launchers, deadline)
    end
  end
end
