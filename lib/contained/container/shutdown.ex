defmodule Contained.Container.Shutdown do
  @moduledoc false
  # The end of a container, in its own process: its commands are stopped by their ladders, and what is
  # then left in its group is killed.

  alias Contained.Container.{Census, Events, Group}

  # SIGKILL has 5 s to work, see `Contained.Session`.
  @margin 7_000

  @doc "Returns when nothing is left. A container that has failed takes no time for ladders."
  @spec run(term, struct) :: term
  def run(_reason, %{launcher: nil}), do: :ok

  def run(reason, %{config: config, launcher: launcher} = state) do
    ladder = if orderly?(reason), do: state.ladder, else: []
    thaw(state)
    Group.stop_commands(launcher, config.path, ladder)
    stop_daemons(state.daemons)
    await(state, deadline(state, ladder))
    Events.counted(state.events, state.counters, Census.counters(launcher, config.path))
    if state.mode == :groups, do: Group.control(launcher, config.path, last(config))
    Group.close(launcher, config.path)
    stop_launcher(state.own_launcher)
  end

  # Nobody heeds a signal who is frozen.
  defp thaw(%{mode: :groups} = state),
    do: Group.control(state.launcher, state.config.path, :thaw)

  defp thaw(_state), do: :ok

  defp last(%{clean?: true}), do: :remove
  defp last(%{clean?: false}), do: :kill

  defp orderly?(reason) when reason in [:normal, :shutdown], do: true
  defp orderly?({:shutdown, _why}), do: true
  defp orderly?({:command_failed, _program, _result}), do: true
  defp orderly?(_crash), do: false

  # Their programs are being stopped; they wait for that and do not start others.
  defp stop_daemons(nil), do: :ok

  defp stop_daemons(daemons) do
    monitor = Process.monitor(daemons)
    Process.exit(daemons, :shutdown)

    receive do
      {:DOWN, ^monitor, :process, _pid, _reason} -> :ok
    end
  end

  defp deadline(%{commands: commands}, ladder) do
    graces = for {_ref, %{grace: grace}} <- commands, do: grace
    now() + Enum.max([own_grace(ladder) | graces]) + @margin
  end

  defp own_grace(:default), do: 0
  defp own_grace(ladder), do: ladder |> Enum.map(&elem(&1, 1)) |> Enum.sum()

  defp await(%{commands: commands}, _deadline) when commands == %{}, do: :ok

  defp await(%{ref: ref} = state, deadline) do
    receive do
      {^ref, {:over, command, how}} ->
        Events.over(state.events, command, how)
        await(%{state | commands: Map.delete(state.commands, command.ref)}, deadline)

      {^ref, {:orphan_exit, command, {os_pid, exit}}} ->
        details = %{os_pid: os_pid, program: command.program, exit: exit}
        Events.publish(state.events, :orphan_exited, details)
        await(state, deadline)

      {:DOWN, ^ref, :process, _pid, _reason} ->
        :ok
    after
      max(deadline - now(), 0) -> :ok
    end
  end

  defp now, do: System.monotonic_time(:millisecond)

  defp stop_launcher(nil), do: :ok
  defp stop_launcher(launcher), do: GenServer.stop(launcher, :shutdown, 30_000)
end
