defmodule Sidecar.Application do
  @moduledoc """
  A supervision tree of two programs: Redis, and a sidecar that counts its own heart beats in it.

  Redis is ready when it listens, so the supervisor starts the sidecar only then. When Redis dies,
  `:rest_for_one` stops the sidecar, starts Redis, waits for it again and starts the sidecar.
  """

  use Application

  @impl true
  def start(_type, _args) do
    dir = Path.join(System.tmp_dir!(), "sidecar-#{System.pid()}")
    File.mkdir_p!(dir)
    socket = Path.join(dir, "redis.sock")
    :persistent_term.put(Sidecar, socket)

    children = [redis(dir, socket), heart(socket)]
    Supervisor.start_link(children, strategy: :rest_for_one, name: Sidecar.Supervisor)
  end

  @impl true
  def stop(_state) do
    :persistent_term.get(Sidecar) |> Path.dirname() |> File.rm_rf!()
  end

  defp redis(dir, socket) do
    {
      Contained.Daemon,
      # Time for a Redis that saves to do so.
      id: :redis,
      command: "redis-server",
      args: ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir],
      name: Sidecar.Redis,
      ready: {:unix, socket},
      log_output: :debug,
      delay_to_sigkill: 5_000
    }
  end

  defp heart(socket) do
    {Contained.Daemon,
     id: :heart,
     command: "redis-cli",
     args: ["-s", socket, "-r", "-1", "-i", "0.2", "INCR", "beats"],
     name: Sidecar.Heart,
     log_output: [stdout: :debug, stderr: :error],
     log_prefix: "heart: "}
  end
end
