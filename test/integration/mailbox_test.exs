defmodule Contained.MailboxTest do
  # A caller's mailbox is neither searched nor touched, and kept output pins no frames.
  use Contained.Case, async: false

  import Contained.Measure

  alias Contained.{Launcher, Pattern, Process}

  @moduletag :port
  @moduletag timeout: 120_000

  @waiting 100_000

  setup do
    launcher = start_supervised!({Launcher, []})
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    %{launcher: launcher}
  end

  describe "100,000 messages waiting" do
    # Both off heap, so that the garbage collector has the same to do for both.
    defp caller(messages) do
      pid = spawn_opt(&serve/0, [:link, message_queue_data: :off_heap])
      for n <- 1..messages//1, do: send(pid, {:waiting, n})
      pid
    end

    defp spawn_opt(fun, options), do: :erlang.spawn_opt(fun, options)

    # Takes only what the tests ask, from the end of the mailbox: not within what is measured.
    defp serve do
      receive do
        {:run, test, fun} ->
          send(test, {self(), micros(fun)})
          serve()
      end
    end

    defp run_in(pid, fun) do
      send(pid, {:run, self(), fun})
      receive(do: ({^pid, micros} -> micros))
    end

    # By turns, and never while the crowded one still goes through its messages.
    defp medians(count, crowded, empty, fun) do
      turn = fn -> {quiet(crowded, crowded, fun), quiet(crowded, empty, fun)} end
      {one, other} = Enum.unzip(for _ <- 1..count, do: turn.())
      {median(one), median(other)}
    end

    defp quiet(crowded, pid, fun) do
      eventually(fn -> Elixir.Process.info(crowded, :status) == {:status, :waiting} end)
      run_in(pid, fun)
    end

    for {name, opts} <- [
          cmd: [],
          "cmd with input": [input: "x"],
          "cmd with a timeout": [timeout: 60_000]
        ] do
      test "cost #{name} at most 1.2 times as much", %{launcher: launcher} do
        opts = [launcher: launcher] ++ unquote(opts)
        {crowded, empty} = {caller(@waiting), caller(0)}

        assert attempts("100,000 messages waiting, #{unquote(name)}", 3, fn ->
                 fun = fn -> {"", 0} = Contained.cmd("true", [], opts) end
                 {with_them, without} = medians(150, crowded, empty, fun)
                 {with_them <= 1.2 * without, "#{with_them} us, without them #{without} us"}
               end)

        assert {:message_queue_len, @waiting} = Elixir.Process.info(crowded, :message_queue_len)
      end
    end
  end

  describe "the caller's mailbox, links and monitors are as before" do
    setup context do
      for n <- 1..3, do: send(self(), {:mine, n})
      send(self(), :kill)
      send(self(), {make_ref(), {:ended, %{}}})
      send(self(), {make_ref(), {:output, 1, "x"}})
      if context[:trap_exit], do: Elixir.Process.flag(:trap_exit, true)
      %{before: state(), watchers: watchers()}
    end

    defp state do
      Elixir.Process.info(self(), [:messages, :links, :monitors, :trap_exit])
    end

    # What others watch goes with the others: soon, but not at once.
    defp watchers do
      {:monitored_by, pids} = Elixir.Process.info(self(), :monitored_by)
      Enum.sort(pids)
    end

    for trap? <- [false, true] do
      @tag trap_exit: trap?
      test "after every end of cmd (trap_exit: #{trap?})", ctx do
        unchanged(ctx, {"x\n", 0}, "echo", ["x"])
        unchanged(ctx, {"", 143}, "sh", ["-c", "kill $$"])
        unchanged(ctx, {"x", 0}, "cat", [], input: "x")
        unchanged(ctx, {"x", 0}, "cat", [], input: Stream.map(["x"], & &1))
        unchanged(ctx, {"", :timeout}, "sleep", ["60"], timeout: 20)
        unchanged(ctx, {"x\n", 0}, "echo", ["x"], launcher: :dedicated)
        assert {_, :output_limit} = cmd(ctx, "yes", [], max_output: 100_000)
        assert state() == ctx.before
        eventually(fn -> watchers() == ctx.watchers end)
      end

      @tag trap_exit: trap?
      test "after everything that raises (trap_exit: #{trap?})", ctx do
        raises(ctx, "no-such-program", [])
        raises(ctx, "/no/such/program", [])
        raises(ctx, "echo", [], cd: "/no/such/directory")
        raises(ctx, "echo", [], option: 1)
        raises(ctx, "yes", [], into: %{})
        raises(ctx, "cat", [], input: Stream.map([1], fn _ -> raise "source" end))
        raises(ctx, "echo", [], launcher: :nobody_of_that_name)
        eventually(fn -> watchers() == ctx.watchers end)
      end
    end

    defp cmd(ctx, program, args, opts),
      do: Contained.cmd(program, args, [launcher: ctx.launcher] ++ opts)

    defp unchanged(ctx, expected, program, args, opts \\ []) do
      assert cmd(ctx, program, args, Keyword.put_new(opts, :delay_to_sigkill, 50)) == expected
      assert state() == ctx.before
    end

    defp raises(ctx, program, args, opts \\ []) do
      assert :raised = fn -> cmd(ctx, program, args, opts) end |> raised()
      assert {opts, state()} == {opts, ctx.before}
    end

    defp raised(fun) do
      fun.()
    catch
      :error, _ -> :raised
    end

    test "muontrap 6: after the timeout of a chatty command", ctx do
      for _ <- 1..20 do
        assert {_, :timeout} = cmd(ctx, "yes", [], timeout: 30, delay_to_sigkill: 50)
        assert state() == ctx.before
      end
    end

    test "after a stream, read to its end, halted, failed", ctx do
      opts = [launcher: ctx.launcher]
      assert ["a\n"] = Enum.to_list(Contained.stream("echo", ["a"], opts))
      assert ["y"] = Enum.take(Contained.stream("yes", [], [lines: 80] ++ opts), 1)
      assert :raised = raised(fn -> Enum.to_list(Contained.stream("false", [], opts)) end)
      stream = Contained.stream("yes", [], opts)
      assert :raised = raised(fn -> Enum.each(stream, fn _ -> raise "reader" end) end)
      assert state() == ctx.before
    end

    test "after a handle was awaited, also in vain, or stopped", ctx do
      opts = [launcher: ctx.launcher, delay_to_sigkill: 50]
      {:ok, process} = Contained.start("echo", ["x"], opts)
      assert {:ok, %{stdout: "x\n"}} = Process.await(process)
      {:ok, process} = Contained.start("yes", [], opts)
      assert {:error, %{reason: :timeout}} = Process.await(process, 50)
      {:ok, process} = Contained.start("sleep", ["60"], opts)
      assert :ok = Process.stop(process)
      assert {:ok, %{reason: :stopped}} = Process.await(process)
      assert {:error, %{stage: :chdir}} = Contained.start("echo", [], [cd: "/no/such"] ++ opts)
      assert state() == ctx.before
    end
  end

  # erlexec 12: what looks like ours but is not, and comes while we wait.
  test "erlexec 12: messages that come meanwhile are left alone", %{launcher: launcher} do
    test = self()
    opts = [launcher: launcher, into: Pattern.each(fn _ -> send(test, :mine) end)]
    assert {_, 0} = Contained.cmd(helper_path("chatty"), ["10"], opts)
    port = Port.open({:spawn, "cat"}, [:binary])
    Port.command(port, "from a port of mine")
    Elixir.Process.send_after(test, :timer_of_mine, 1)
    assert {"", 0} = Contained.cmd("sleep", ["0.1"], launcher: launcher)
    assert_received :mine
    assert_received :timer_of_mine
    assert_received {^port, {:data, "from a port of mine"}}
    Port.close(port)
  end

  describe "short lines kept of a long output" do
    @line String.duplicate("0123456789", 10)
    @megabytes 100

    defp yes_lines(opts) do
      bytes = @megabytes * 1_000_000
      args = ["-c", "yes #{@line} | head -c #{bytes}"]
      Contained.stream("sh", args, [lines: 200, yield_exit: true] ++ opts)
    end

    test "pin no frames", ctx do
      collect_garbage()
      before = :erlang.memory(:binary)
      kept = [launcher: ctx.launcher] |> yes_lines() |> Enum.take_every(1_000)
      assert length(kept) == div(@megabytes * 1_000_000, 101 * 1_000) + 1
      assert Enum.all?(kept, &(&1 == @line or match?({:exit, 0}, &1)))
      lines = Enum.filter(kept, &is_binary/1)
      assert lines |> Enum.map(&:binary.referenced_byte_size/1) |> Enum.max() <= 4 * 101
      # A hundred bytes and a header each, and not a frame of up to 256 KiB. The VM frees the last
      # ones a little later.
      grown = fn -> collect_garbage() && :erlang.memory(:binary) - before end
      assert eventually(fn -> grown.() <= 300_000 end)
      IO.puts("  #{length(kept)} lines kept of #{@megabytes} MB: #{grown.()} bytes of binaries")
    end

    test "as collected by cmd pin none either", ctx do
      opts = [lines: 200, into: [], launcher: ctx.launcher]
      args = ["-c", "yes #{@line} | head -c 10000000"]
      {lines, 0} = Contained.cmd("sh", args, opts)
      kept = Enum.take_every(lines, 1_000)
      assert kept |> Enum.map(&:binary.referenced_byte_size/1) |> Enum.max() <= 4 * 101
    end
  end
end
