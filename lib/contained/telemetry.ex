defmodule Contained.Telemetry do
  @moduledoc """
  Events for `:telemetry`, if that library is part of the system; Contained itself does not need it.

    * `[:contained, :stop, :stuck]` - a command is being stopped, its `:stop_signal` has had the time it
      was given, and processes of it are still alive: SIGKILL follows. Metadata: `:program`, `:os_pid`,
      `:owner`, `:launcher`
    * `[:contained, :command, :left_behind]` - a command has ended, and descendants of it were alive when
      it exited, `:left_behind` by number (they have been killed, unless `linger: :leave` was asked for),
      or processes of it have outlived SIGKILL, `:unkilled` by number. Metadata: these, `:program`,
      `:os_pid`, `:owner`, `:launcher`
    * `[:contained, :launcher, :down]` - the port program of a launcher has ended, and its commands with
      it. Metadata: `:launcher`

  The measurement of each is `%{system_time: System.system_time()}`. Handlers run in the launcher: what
  takes long belongs elsewhere.
  """

  @doc false
  @spec report([atom], map) :: :ok
  def report(event, metadata) do
    if Code.ensure_loaded?(:telemetry) do
      measurements = %{system_time: System.system_time()}
      apply(:telemetry, :execute, [[:contained | event], measurements, metadata])
    end

    :ok
  end
end
