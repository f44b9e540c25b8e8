defmodule SharedMemory.Application do
  @moduledoc """
  A container with a memory budget, and two commands in it: a cache, a daemon that holds 16 MiB, and
  an index, that takes as much as it is told to.
  """

  use Application

  alias Contained.{Container, Daemon}

  @impl true
  def start(_type, _args) do
    children = [
      {Container, name: SharedMemory.Box, limits: [memory: "48M", swap: 0], poll_interval: 200},
      {Daemon,
       id: :cache,
       command: "sh",
       args: ["-c", SharedMemory.holding("16M")],
       name: SharedMemory.Cache,
       container: SharedMemory.Box,
       ready: {:output, ~r/full/}}
    ]

    Supervisor.start_link(children, strategy: :rest_for_one, name: SharedMemory.Supervisor)
  end
end
