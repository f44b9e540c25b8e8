defmodule ContainedTest do
  use Contained.Case, async: true

  alias Contained.{Error, Result}

  @moduletag :port

  doctest Contained

  @quick [delay_to_sigkill: 50]

  # Starts a sleep in the background that says its pid, then runs the rest.
  defp with_child(rest), do: ["-c", "setsid sleep 300 >/dev/null 2>&1 & echo $!; #{rest}"]
  defp pid(output), do: output |> String.split("\n") |> hd() |> String.to_integer()

  describe "cmd/3" do
    test "a timeout returns what there was, and everything is dead" do
      args = with_child("trap '' TERM; while :; do sleep 1; done")
      assert {output, :timeout} = Contained.cmd("sh", args, [timeout: 200] ++ @quick)
      refute os_alive?(pid(output))
    end

    test "a timeout that is not reached changes nothing" do
      assert Contained.cmd("echo", ["x"], timeout: 10_000) == {"x\n", 0}
      assert Contained.cmd("echo", ["x"], timeout: :infinity) == {"x\n", 0}
    end

    test "too much output" do
      assert {output, :output_limit} = Contained.cmd("yes", [], max_output: 100_000)
      assert byte_size(output) >= 100_000
      assert byte_size(output) < 3_000_000
      assert Contained.cmd("echo", ["hi"], max_output: 3) == {"hi\n", 0}
    end

    test "what is left behind is killed" do
      assert {output, 0} = Contained.cmd("sh", with_child(""))
      refute os_alive?(pid(output))
    end

    test "linger: :leave lets it live, linger: :kill does not wait for it" do
      assert {output, 0} = Contained.cmd("sh", with_child(""), linger: :leave)
      assert os_alive?(pid(output))
      System.cmd("kill", ["-9", "#{pid(output)}"])

      line = "sleep 300 & echo $!"
      assert {output, 0} = Contained.cmd("sh", ["-c", line], linger: :kill)
      refute os_alive?(pid(output))
    end

    test "a collectable that raises finds the command dead" do
      test = self()

      collect = fn
        output, {:cont, data} ->
          send(test, {:pid, pid(data)})
          raise "enough: #{output}"

        _output, :halt ->
          send(test, :halted)
      end

      assert_raise RuntimeError, fn ->
        Contained.cmd("sh", with_child("sleep 300"), [into: collectable(collect)] ++ @quick)
      end

      assert_received {:pid, pid}
      assert_received :halted
      refute os_alive?(pid)
    end

    test "input, iodata and enumerables, to its end" do
      assert Contained.cmd("cat", [], input: ["a", [?b], "c"]) == {"abc", 0}
      assert Contained.cmd("cat", [], input: "") == {"", 0}

      assert Contained.cmd("cat", [], input: Stream.map(1..3, &[to_string(&1), "\n"])) ==
               {"1\n2\n3\n", 0}

      big = :binary.copy("0123456789abcdef", 300_000)
      assert Contained.cmd("cat", [], input: big) == {big, 0}
    end

    test "input that is not read is no error" do
      endless = Stream.repeatedly(fn -> String.duplicate("x\n", 1_000) end)
      assert Contained.cmd("head", ["-n1"], input: endless) == {"x\n", 0}
      assert Contained.cmd("true", [], input: endless) == {"", 0}
    end

    test "input that raises, raises in the caller" do
      broken = Stream.map([1], fn _ -> raise "broken" end)
      assert_raise RuntimeError, "broken", fn -> Contained.cmd("cat", [], input: broken) end
    end

    test "stdin and stderr elsewhere" do
      assert Contained.cmd("cat", [], stdin: :null) == {"", 0}
      assert Contained.cmd("sh", ["-c", "echo a >&2; echo b"], stderr: :discard) == {"b\n", 0}
      assert Contained.cmd("sh", ["-c", "echo a >&2; echo b"], stderr: :stdout) == {"a\nb\n", 0}
      args = ["-c", "echo a >&2; echo b"]
      assert Contained.cmd("sh", args, capture_stderr_only: true) == {"a\n", 0}

      assert Contained.cmd("sh", args, capture_stderr_only: true, into: [], lines: 9) ==
               {["a"], 0}
    end

    test "an empty environment" do
      assert {output, 0} = Contained.cmd("env", [], clear_env: true, env: [{"A", "1"}])
      assert output == "A=1\n"
    end

    test "signals of its own choice" do
      line = "trap 'echo int; exit 9' INT; trap '' TERM; echo up; while :; do sleep 0.05; done"
      opts = [timeout: 300, stop_signal: [{:term, 50}, {:int, 2_000}], into: [], lines: 9]
      assert {["up", "int"], :timeout} = Contained.cmd("sh", ["-c", line], opts)
    end

    test "a small window loses nothing" do
      assert {output, 0} = Contained.cmd("seq", ["20000"], window: 100)
      assert {^output, 0} = System.cmd("seq", ["20000"])
    end

    test "a launcher of one's own" do
      name = :"launcher_#{System.unique_integer([:positive])}"
      start_supervised!({Contained.Launcher, name: name})
      assert Contained.cmd("echo", ["x"], launcher: name) == {"x\n", 0}
      assert Contained.cmd("echo", ["x"], launcher: Process.whereis(name)) == {"x\n", 0}
      assert Contained.cmd("echo", ["x"], launcher: :dedicated) == {"x\n", 0}
    end

    test "a launcher that is not there" do
      error = catch_error(Contained.cmd("echo", ["x"], launcher: :no_such_launcher))
      assert %Error{stage: :launcher} = error
      assert Exception.message(error) =~ "no_such_launcher"

      assert {:error, %Error{stage: :launcher}} =
               Contained.run("true", [], launcher: :no_such_launcher)
    end
  end

  # A collectable made of one function.
  defmodule Custom do
    defstruct [:fun]

    defimpl Collectable do
      def into(%{fun: fun}), do: {"nothing yet", fun}
    end
  end

  defp collectable(fun), do: %Custom{fun: fun}

  describe "run/3" do
    test "collects the streams apart" do
      args = ["-c", "echo out; echo err >&2; exit 3"]
      assert {:ok, %Result{} = result} = Contained.run("sh", args)
      assert %{stdout: "out\n", stderr: "err\n", status: 3, reason: :exit} = result
      assert %{exit: {:exited, 3}, left_behind: 0, unkilled: 0} = result
      assert is_integer(result.os_pid)
      assert %{stdout_bytes: 4, stderr_bytes: 4, wall_us: wall} = result.usage
      assert wall > 0
    end

    test "elsewhere, and by lines" do
      args = ["-c", "echo a; echo b; echo c >&2"]
      opts = [into: [], stderr: {:into, MapSet.new()}, lines: 10]
      assert {:ok, %{stdout: ["a", "b"], stderr: errors}} = Contained.run("sh", args, opts)
      assert errors == MapSet.new(["c"])
      assert {:ok, %{stderr: nil}} = Contained.run("sh", args, stderr: :discard)
      assert {:ok, %{stdout: out, stderr: nil}} = Contained.run("sh", args, stderr: :stdout)
      assert out == "a\nb\nc\n"
    end

    test "stdin is empty" do
      assert {:ok, %{stdout: "", status: 0}} = Contained.run("cat", [])
    end

    test "the end, without loss" do
      assert {:ok, %{reason: :signal, exit: {:signaled, 11, _}, status: 139}} =
               Contained.run("sh", ["-c", "kill -SEGV $$"])

      assert {:ok, %{reason: :timeout, stdout: "x\n", exit: {:signaled, 15, false}}} =
               Contained.run("sh", ["-c", "echo x; exec sleep 300"], timeout: 200)

      assert {:ok, %{reason: :output_limit}} = Contained.run("yes", [], max_output: 10)
      args = ["-c", "sleep 300 >/dev/null 2>&1 & :"]
      assert {:ok, %{reason: :exit, left_behind: 1}} = Contained.run("sh", args)
    end

    test "what could not be started is a value" do
      assert {:error, %Error{reason: :enoent, stage: :exec, subject: "no-such"}} =
               Contained.run("no-such", [])

      assert {:error, %Error{reason: :enoent, stage: :exec, subject: "/no/such"}} =
               Contained.run("/no/such", [])

      assert {:error, %Error{reason: :enoent, stage: :chdir, subject: "/no/such"}} =
               Contained.run("true", [], cd: "/no/such")

      assert {:error, %Error{reason: :eacces, stage: :exec, subject: "/tmp"}} =
               Contained.run("/tmp", [])

      assert {:error, %Error{reason: :e2big}} =
               Contained.run("true", [String.duplicate("x", 9_000_000)])
    end

    test "wrong arguments still raise" do
      assert_raise ArgumentError, fn -> Contained.run("true", [], foo: 1) end
      assert_raise ArgumentError, fn -> Contained.run("true", ["\0"]) end
      assert_raise FunctionClauseError, fn -> Contained.run(true, []) end
    end
  end

  describe "stream/3" do
    test "yields chunks or lines" do
      assert Contained.stream("printf", ["a\\nb"]) |> Enum.join() == "a\nb"
      assert Contained.stream("printf", ["a\\nb"], lines: 9) |> Enum.to_list() == ["a", "b"]
    end

    test "says which stream when both are captured" do
      line = "echo a; sleep 0.1; echo b >&2"
      stream = Contained.stream("sh", ["-c", line], stderr: :capture, lines: 9)
      assert Enum.to_list(stream) == [{:stdout, "a"}, {:stderr, "b"}]
    end

    test "starts nothing before it is enumerated, and anew each time" do
      file = Path.join(tmp_dir(), "count")
      stream = Contained.stream("sh", ["-c", "echo x >>\"$0\"; echo y", file])
      refute File.exists?(file)
      for _ <- 1..2, do: assert(Enum.join(stream) == "y\n")
      assert File.read!(file) == "x\nx\n"
    end

    test "kills the command when it is halted early" do
      args = with_child("yes")
      assert [line] = Contained.stream("sh", args, [lines: 9] ++ @quick) |> Enum.take(1)
      refute os_alive?(pid(line))
    end

    test "can be read in another process" do
      stream = Contained.stream("echo", ["x"])
      assert Task.await(Task.async(fn -> Enum.join(stream) end)) == "x\n"
    end

    test "raises at a bad end" do
      stream = Contained.stream("sh", ["-c", "echo x; exit 3"])
      error = assert_raise Error, fn -> Enum.to_list(stream) end
      assert %{result: %Result{status: 3}} = error
      assert Exception.message(error) =~ "exited with status 3"
    end

    test "or yields the exit" do
      stream = Contained.stream("sh", ["-c", "exit 3"], yield_exit: true)
      assert Enum.to_list(stream) == [{:exit, 3}]
    end

    test "raises what cannot be started" do
      assert_raise Error, ~r/cannot execute "no-such"/, fn -> Contained.stream("no-such", []) end
      stream = Contained.stream("true", [], cd: "/no/such")
      assert_raise Error, ~r/cannot change to the directory/, fn -> Enum.to_list(stream) end
      assert_raise ArgumentError, fn -> Contained.stream("true", [], foo: 1) end
    end
  end

  describe "start/3" do
    test "gives a handle" do
      assert {:ok, %Contained.Process{} = process} = Contained.start("cat", [])
      assert os_alive?(Contained.Process.os_pid(process))
      assert :ok = Contained.Process.write(process, "x")
      assert :ok = Contained.Process.close_stdin(process)
      assert {:ok, %Result{stdout: "x", status: 0}} = Contained.Process.await(process)
    end

    test "or an error" do
      assert {:error, %Error{reason: :enoent}} = Contained.start("no-such", [])
      assert {:error, %Error{reason: :enoent}} = Contained.start("/no/such", [])
      assert {:error, %Error{stage: :chdir}} = Contained.start("true", [], cd: "/no/such")
      assert_raise ArgumentError, fn -> Contained.start("true", [], foo: 1) end
    end
  end

  test "info/0 names the launcher and what runs" do
    {:ok, process} = Contained.start("sleep", ["300"])
    os_pid = Contained.Process.os_pid(process)
    info = Contained.info()
    assert Enum.any?(info.commands, &(&1.os_pid == os_pid))
    assert Enum.any?(info.launchers, &(&1.name == Contained.Launcher))
    assert info.version == to_string(Application.spec(:contained, :vsn))
    Contained.Process.stop(process)
    refute os_alive?(os_pid)
  end
end
