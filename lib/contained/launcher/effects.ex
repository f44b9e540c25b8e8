defmodule Contained.Launcher.Effects do
  @moduledoc false
  # What `Contained.Launcher.Sessions` wants done to others than the launcher and its port program.

  alias Contained.Cgroup.Places
  alias Contained.Telemetry

  @spec perform(tuple, launcher :: term) :: term
  # To an alias: nothing happens when the client waits no longer.
  def perform({kind, ref, message}, _launcher) when kind in [:tell, :reply],
    do: send(ref, {ref, message})

  def perform({:report, event, metadata}, launcher),
    do: Telemetry.report(event, Map.put(metadata, :launcher, launcher))

  def perform({:places, ref, nil}, _launcher), do: Places.forget(ref)
  def perform({:places, ref, places}, _launcher), do: Places.note(ref, places)
  def perform({:demonitor, monitor}, _launcher), do: Process.demonitor(monitor, [:flush])
end
