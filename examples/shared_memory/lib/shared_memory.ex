defmodule SharedMemory do
  @moduledoc "What the example shows: `mix demo`."

  alias Contained.{Container, Process}

  @mib 1024 * 1024
  @patience 60_000

  # tail(1) has to keep what it may still have to write.
  @doc "A line of the shell that says `full` when it holds so much memory, and goes on holding it."
  def holding(size) do
    "head -c #{size} /dev/zero | tail -c #{size} | " <>
      "{ test $(head -c 1 | wc -c) = 1 && echo full && exec sleep 1000; }"
  end

  @doc "Lets two commands share a budget, meet its end, and have a larger one."
  def demo do
    :ok = Container.subscribe(SharedMemory.Box)
    say("The cache is full: #{used()} MiB of #{budget()}.")

    {:ok, index} = start_index("16M")
    {:stdout, "full\n"} = Process.next(index)
    say("The index is full, too: #{used()} MiB of #{budget()}, in #{members()} processes.")
    :ok = Process.stop(index)

    say("An index of 64 MiB:")
    {:ok, index} = start_index("64M")
    {:ok, result} = Process.await(index, @patience)

    say("  event :oom, #{await(:oom).oom_kills} killed; the index: status #{result.status}")
    say("  the cache, less ready to be killed, is #{state()}")

    :ok = Container.set_limits(SharedMemory.Box, memory: "256M")
    say("With a budget of #{budget()} MiB, set while the cache runs:")
    {:ok, index} = start_index("64M")
    {:stdout, "full\n"} = Process.next(index)
    say("  the index is full: #{used()} MiB")
    Contained.top()

    :ok = Application.stop(:shared_memory)
    say("The container has taken both along. Left are: #{length(Contained.list())}")
  end

  # Of those that share a budget the kernel kills first who is most ready.
  defp start_index(size) do
    Container.start(SharedMemory.Box, "sh", ["-c", holding(size)], oom_score_adj: 1000)
  end

  defp used do
    {:ok, %{memory: %{current: bytes}}} = Container.stats(SharedMemory.Box)
    round(bytes / @mib)
  end

  defp budget do
    {:ok, limits} = Container.limits(SharedMemory.Box)
    div(limits[:memory], @mib)
  end

  defp members do
    {:ok, processes} = Container.processes(SharedMemory.Box)
    length(processes)
  end

  defp state, do: Contained.Daemon.info(SharedMemory.Cache).state

  defp await(event) do
    receive do
      {:contained, _container, ^event, details} -> details
    after
      @patience -> raise "waited too long for #{inspect(event)}"
    end
  end

  defp say(text), do: IO.puts(text)
end
