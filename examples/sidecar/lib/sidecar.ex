defmodule Sidecar do
  @moduledoc "What the example shows: `mix demo`."

  alias Contained.Daemon

  @deadline 30_000

  @doc "Lets the heart beat, kills Redis, and lets the heart beat again."
  def demo do
    IO.puts(
      "Redis runs as process #{Daemon.os_pid(Sidecar.Redis)}, and was ready before its sidecar:"
    )

    await("heart beats", fn -> beats() >= 3 end)
    Contained.top()

    {redis, heart} = {Daemon.os_pid(Sidecar.Redis), Daemon.os_pid(Sidecar.Heart)}
    IO.puts("\nSIGKILL to Redis.")
    :ok = Daemon.signal(Sidecar.Redis, :kill)

    await("both to be started again", fn ->
      new?(Sidecar.Redis, redis) and new?(Sidecar.Heart, heart)
    end)

    await("heart beats", fn -> beats() >= 3 end)
    Contained.top()

    :ok = Application.stop(:sidecar)
    IO.puts("\nThe supervisor has stopped both, the sidecar first. Left are: #{length(left())}")
  end

  defp left, do: Contained.info().commands

  @doc "How often the heart has beaten since Redis was started."
  def beats do
    case Contained.cmd("redis-cli", ["-s", :persistent_term.get(__MODULE__), "GET", "beats"]) do
      {text, 0} -> count(Integer.parse(text))
      {_error, _status} -> 0
    end
  end

  defp count({beats, _newline}), do: beats
  defp count(:error), do: 0

  # While the supervisor starts it again there is no process of that name.
  defp new?(name, os_pid) do
    now = Daemon.os_pid(name)
    is_integer(now) and now != os_pid
  catch
    :exit, _restarting -> false
  end

  defp await(what, condition), do: await(what, condition, now() + @deadline)

  defp await(what, condition, deadline) do
    cond do
      condition.() ->
        :ok

      now() > deadline ->
        raise "waited too long for #{what}"

      true ->
        Process.sleep(50)
        await(what, condition, deadline)
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
