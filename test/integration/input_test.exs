defmodule Contained.InputTest.Terminal do
  # An IO device that has one line, and then nobody types anything more.
  def start_link, do: spawn_link(fn -> loop(["one\n"]) end)

  defp loop(lines) do
    receive do
      {:io_request, from, ref, _request} -> loop(answer(lines, from, ref))
    end
  end

  defp answer([line | rest], from, ref) do
    send(from, {:io_reply, ref, line})
    rest
  end

  defp answer([], _from, _ref), do: []
end

defmodule Contained.Integration.InputTest do
  # Input of any size and pace goes to a command that takes it or not, and holds nobody up.
  use Contained.Case, async: false

  import Contained.Measure

  alias Contained.InputTest.Terminal
  alias Contained.{Launcher, Pattern, Process}

  @moduletag :port
  @moduletag timeout: 120_000

  @never_read "never_read_stdin"

  setup do
    launcher = start_supervised!({Launcher, []})
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    %{launcher: launcher, worker: os_pids(launcher).worker}
  end

  defp in_time(milliseconds, fun) do
    {micros, result} = :timer.tc(fun)
    assert micros < milliseconds * 1_000
    result
  end

  describe "200 MB for a command that never reads" do
    setup do
      %{input: :binary.copy("x", 200_000_000)}
    end

    test "leave other commands and the timeout working, and the worker small", ctx do
      opts = [launcher: ctx.launcher, timeout: 1_000, delay_to_sigkill: 50, input: ctx.input]
      stuck = fn -> Contained.cmd(helper_path(@never_read), [], opts) end

      {result, worker} =
        growth(fn -> rss_kb(ctx.worker) end, fn ->
          task = Task.async(stuck)
          for _ <- 1..50, do: {"hi\n", 0} = Contained.cmd("echo", ["hi"], launcher: ctx.launcher)
          Task.await(task)
        end)

      IO.puts("  200 MB not read: the worker grew by #{worker} KiB")
      assert result == {"ready\n", :timeout}
      assert worker <= 2_048
    end

    test "leave stop working, and tell the writer", ctx do
      {:ok, process} = Contained.start(helper_path(@never_read), [], launcher: ctx.launcher)
      assert {:stdout, "ready\n"} = Process.next(process, 10_000)
      writer = Task.async(fn -> Process.write(process, ctx.input) end)
      eventually(fn -> waits?(writer.pid) end)
      assert :ok = in_time(2_000, fn -> Process.stop(process, term: 50) end)
      assert {:error, reason} = Task.await(writer)
      assert reason in [:epipe, :closed]
      refute os_alive?(Process.os_pid(process))
    end

    test "do not pile up in the VM: what waits is a reference", ctx do
      enum = Stream.repeatedly(fn -> :binary.copy("x", 65_536) end)
      opts = [launcher: ctx.launcher, timeout: 1_000, delay_to_sigkill: 50, input: enum]
      run = fn -> Contained.cmd(helper_path(@never_read), [], opts) end
      {result, vm} = growth(fn -> :erlang.memory(:binary) end, run)
      IO.puts("  endless input not read: binaries grew by #{div(vm, 1024)} KiB")
      assert result == {"ready\n", :timeout}
      assert vm <= 2 * 1024 * 1024
    end
  end

  defp waits?(pid), do: Elixir.Process.info(pid, :status) == {:status, :waiting}

  test "100 MB through cat arrive whole and in order" do
    total = 100 * 1024 * 1024
    opts = [input: Pattern.stream(total), into: %Pattern{}]
    assert Contained.cmd("cat", [], opts) == {total, 0}
  end

  test "100 MB in one binary, and in a deep list, arrive whole and in order" do
    total = 100 * 1024 * 1024
    whole = total |> Pattern.stream() |> Enum.to_list() |> IO.iodata_to_binary()
    assert Contained.cmd("cat", [], input: whole, into: %Pattern{}) == {total, 0}
    <<head::binary-size(1_234_567), tail::binary>> = whole
    deep = [[[[], [head]], "" | tail], []]
    assert Contained.cmd("cat", [], input: deep, into: %Pattern{}) == {total, 0}
  end

  # The reader is the slowest of all, so there is always something waiting for it.
  test "for a slow reader: the worker does not grow", ctx do
    total = 16 * 1024 * 1024
    line = "od -An -v -tx1 >/dev/null; echo read"
    opts = [input: Pattern.stream(total), launcher: ctx.launcher]
    run = fn -> Contained.cmd("sh", ["-c", line], opts) end
    {result, worker} = growth(fn -> rss_kb(ctx.worker) end, run)
    IO.puts("  16 MiB for a slow reader: the worker grew by #{worker} KiB")
    assert result == {"read\n", 0}
    assert worker <= 2_048
  end

  describe "a command that closes its stdin early" do
    test "is no error of ours", %{launcher: launcher} do
      for input <- ["x", :binary.copy("x", 10_000_000), Stream.repeatedly(fn -> "line\n" end)] do
        opts = [input: input, launcher: launcher]
        assert Contained.cmd(helper_path("close_stdin"), ["100"], opts) == {"ready\n", 0}
        assert {"line", 0} = Contained.cmd("printf", ["line"], opts)
      end

      assert Contained.cmd("echo", ["next"], launcher: launcher) == {"next\n", 0}
    end

    test "halts the enumeration, which may clean up" do
      test = self()
      numbers = fn -> Stream.iterate(1, &(&1 + 1)) end
      input = Stream.transform(numbers.(), fn -> 0 end, &line/2, &send(test, {:after, &1}))
      opts = [input: input]
      assert {"1\n", 0} = Contained.cmd("sh", ["-c", "head -n 1; exec <&-; sleep 0.5"], opts)
      assert_received {:after, lines} when lines > 1
    end

    defp line(number, count), do: {["#{number}\n"], count + 1}
  end

  describe "input that never ends" do
    test "of a terminal where nobody types: head -n 1 returns", ctx do
      task =
        Task.async(fn ->
          Elixir.Process.group_leader(self(), Terminal.start_link())
          Contained.cmd("head", ["-n", "1"], input: IO.stream(), launcher: ctx.launcher)
        end)

      assert in_time(2_000, fn -> Task.await(task) end) == {"one\n", 0}
    end

    test "exile 5: a source that blocks for ever is gone with the command", ctx do
      opts = [input: stuck_after("one\n"), launcher: ctx.launcher]
      run = fn -> Contained.cmd("head", ["-n", "1"], opts) end
      assert in_time(2_000, run) == {"one\n", 0}
      assert_received {:source, writer}
      eventually(fn -> not Elixir.Process.alive?(writer) end)
    end

    test "is gone with its owner", ctx do
      opts = [input: stuck_after("one\n"), launcher: ctx.launcher]
      owner = spawn(fn -> Contained.cmd("cat", [], opts) end)
      assert_receive {:source, writer}, 10_000
      Elixir.Process.exit(owner, :kill)
      eventually(fn -> not Elixir.Process.alive?(writer) end)
      eventually(fn -> commands(ctx.launcher) == [] end)
    end
  end

  # Tells who enumerates it.
  defp stuck_after(line) do
    test = self()

    Stream.resource(
      fn -> send(test, {:source, self()}) && [line] end,
      fn
        [line] -> {[line], []}
        [] -> receive(do: (:never -> {:halt, []}))
      end,
      fn _ -> :ok end
    )
  end

  defp commands(launcher), do: for(%{launcher: ^launcher} = c <- Contained.info().commands, do: c)

  test "exile 4: empty chunks are nothing" do
    for input <- [["a", "", "b"], Stream.map(["a", "", "b"], & &1), Stream.map(["", ""], & &1)] do
      expected = Enum.join(input)
      assert Contained.cmd("cat", [], input: input) == {expected, 0}
    end

    {:ok, process} = Contained.start("cat", [])
    for data <- ["", [], [[], ""], "end"], do: assert(:ok = Process.write(process, data))
    :ok = Process.close_stdin(process)
    assert {:ok, %{stdout: "end", status: 0}} = Process.await(process, 10_000)
  end

  describe "an enumerable that breaks" do
    for {kind, reason} <- [error: :badarg, throw: :ball, exit: :enough] do
      test "by #{kind}: it is the caller's, and the command is dead", ctx do
        file = Path.join(tmp_dir(), "pid")
        args = ["-c", "echo $$ >$0.new; mv $0.new $0; exec cat", file]
        opts = [input: breaking(file, unquote(kind), unquote(reason)), launcher: ctx.launcher]
        {kind, reason, stack} = caught(fn -> Contained.cmd("sh", args, opts) end)
        assert {kind, reason} == {unquote(kind), unquote(reason)}
        assert [{__MODULE__, :breaking, 3, []} | _] = stack
        refute os_alive?(read_pid(file))
        assert Elixir.Process.info(self(), :messages) == {:messages, []}
      end
    end

    test "by an element that is no iodata" do
      assert_raise ArgumentError, fn ->
        Contained.cmd("cat", [], input: Stream.map([:a], & &1))
      end
    end
  end

  # Breaks when the command runs.
  defp breaking(file, kind, reason) do
    Stream.map(["x", "y"], fn
      "x" ->
        "x"

      "y" ->
        raise_when(File.exists?(file) || eventually(fn -> File.exists?(file) end), kind, reason)
    end)
  end

  defp raise_when(true, kind, reason) do
    :erlang.raise(kind, reason, [{__MODULE__, :breaking, 3, []}])
  end

  defp read_pid(file), do: file |> File.read!() |> String.trim() |> String.to_integer()

  defp caught(fun) do
    fun.()
  catch
    kind, reason -> {kind, reason, __STACKTRACE__}
  end

  test "several processes write: each one's data in its order, no line torn" do
    {:ok, process} = Contained.start("cat", [])
    writers = Task.async(fn -> write_all(process) end)
    assert {:ok, %{stdout: text, status: 0}} = Process.await(process, 60_000)
    assert :ok = Task.await(writers)
    lines = text |> String.split("\n", trim: true) |> Enum.map(&String.split(&1, ":"))

    for who <- 1..4 do
      assert for([^who, number, rest] <- Enum.map(lines, &numbers/1), do: {number, rest}) ==
               for(number <- 1..500, do: {number, String.duplicate("x", number * 7)})
    end
  end

  defp write_all(process) do
    writers = for who <- 1..4, do: Task.async(fn -> write_lines(process, who) end)
    Task.await_many(writers, 60_000)
    Process.close_stdin(process)
  end

  defp write_lines(process, who) do
    for number <- 1..500 do
      line = ["#{who}:#{number}:", String.duplicate("x", number * 7), "\n"]
      :ok = Process.write(process, line)
    end
  end

  defp numbers([who, number, rest]), do: [String.to_integer(who), String.to_integer(number), rest]
end
