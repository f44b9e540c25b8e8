defmodule Contained.Application do
  @moduledoc false

  use Application

  @impl true
  def start(_type, _args) do
    # This process lives as long as the application does, and so do its tables.
    Contained.Info.new_table()
    Contained.Cgroup.Places.new_table()

    opts = [name: Contained.Launcher] ++ Application.get_env(:contained, :launcher, [])

    # A launcher that is killed from outside is no reason to take the node down.
    Supervisor.start_link([{Contained.Launcher, opts}],
      strategy: :one_for_one,
      name: Contained.Supervisor,
      max_restarts: 1_000,
      max_seconds: 60
    )
  end
end
