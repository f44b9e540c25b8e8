defmodule Contained.ChildStateTest do
  # What a command finds when it begins: nothing of ours, and of the VM what the VM's own children
  # find.
  use Contained.Case, async: false

  import Bitwise
  import Contained.Measure

  alias Contained.{Launcher, Process}

  @moduletag :port

  setup do
    launcher = start_supervised!({Launcher, []})
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    %{launcher: launcher}
  end

  defp sh(ctx, line, opts \\ []) do
    {output, 0} = Contained.cmd("sh", ["-c", line], [launcher: ctx.launcher] ++ opts)
    output
  end

  describe "descriptors" do
    defp streams do
      [[], [stderr_to_stdout: true], [stdin: :null], [stdin: :inherit]] ++
        [[input: "x"], [input: Stream.map(["x"], & &1)], [stderr: :discard], [stderr: :stdout]]
    end

    test "exile 2: are 0 to 2, whatever the streams are", ctx do
      for opts <- streams() do
        result = Contained.cmd(helper_path("print_fds"), [], [launcher: ctx.launcher] ++ opts)
        assert {opts, result} == {opts, {"0\n1\n2\n", 0}}
      end
    end

    test "are 0 to 2 with the VM's own stdio", ctx do
      file = Path.join(tmp_dir(), "fds")
      opts = [use_stdio: false, launcher: ctx.launcher]
      args = ["-c", "\"$0\" >\"$1\"", helper_path("print_fds"), file]
      assert {"", 0} = Contained.cmd("sh", args, opts)
      assert File.read!(file) == "0\n1\n2\n"
    end

    test "are 0 to 2 with stderr apart, and in a program of its own", ctx do
      for opts <- [[launcher: ctx.launcher], [launcher: :dedicated], [stderr: :discard]] do
        assert {:ok, %{stdout: "0\n1\n2\n"}} = Contained.run(helper_path("print_fds"), [], opts)
      end
    end

    test "are 0 to 2 beside many other commands", ctx do
      opts = [launcher: ctx.launcher]
      running = for _ <- 1..20, do: elem(Contained.start("cat", [], opts), 1)
      assert {"0\n1\n2\n", 0} = Contained.cmd(helper_path("print_fds"), [], opts)
      for process <- running, do: :ok = Process.stop(process, [])
    end

    # muontrap #77: what is shared with us must not be non-blocking.
    test "block", ctx do
      flags = sh(ctx, "grep -h flags /proc/$$/fdinfo/[01]")

      for [_, octal] <- Regex.scan(~r/flags:\s+(\d+)/, flags) do
        assert band(String.to_integer(octal, 8), 0o4000) == 0
      end
    end

    test "what stdin is", ctx do
      line = "readlink /proc/$$/fd/0"
      assert "pipe:" <> _ = sh(ctx, line)
      assert "pipe:" <> _ = sh(ctx, line, input: "x")
      assert sh(ctx, line, stdin: :null) == "/dev/null\n"
      {:ok, %{stdout: "/dev/null\n"}} = Contained.run("sh", ["-c", line])
      vm = File.read_link!("/proc/#{System.pid()}/fd/0")
      assert sh(ctx, line, stdin: :inherit) == vm <> "\n"
    end
  end

  describe "signals" do
    test "have their default, none is blocked or pending", ctx do
      {output, 0} = Contained.cmd(helper_path("print_signals"), [], launcher: ctx.launcher)
      sets = Regex.scan(~r/^(\w+):\t(\w+)$/m, output, capture: :all_but_first)
      assert length(sets) == 5
      for [name, set] <- sets, do: assert({name, set} == {name, "0000000000000000"})
    end

    test "muontrap 9: a write to a pipe that nobody reads ends it", ctx do
      args = ["-c", "exec yes", "sh"]
      {:ok, result} = Contained.run("sh", ["-c", "\"$0\" \"$@\" | head -n 1", "sh" | args])
      assert result.stdout == "y\n"

      assert sh(ctx, "(yes; echo $? >&2) 2>&1 | { read x; exec <&-; sleep 0.1; echo $x; }") ==
               "y\n"
    end

    test "D16: death by any of them is told as such", ctx do
      for number <- Enum.to_list(1..31) -- [17, 18, 19, 20, 21, 22, 23, 28] do
        args = [helper_path("kill_self"), "#{number}"]
        opts = [launcher: ctx.launcher]
        {:ok, result} = Contained.run(hd(args), tl(args), opts)
        assert {:signaled, ^number, false} = result.exit
        assert {result.reason, result.status} == {:signal, 128 + number}
      end

      assert {:ok, %{exit: {:exited, 137}, reason: :exit}} =
               Contained.run("sh", ["-c", "exit 137"])
    end
  end

  describe "the process" do
    test "leads a session and a process group of its own, without a terminal", ctx do
      {:ok, process} = Contained.start("sleep", ["60"], launcher: ctx.launcher)
      pid = "#{Process.os_pid(process)}"
      # proc_pid_stat(5): state, ppid, pgrp, session, tty_nr.
      assert [_state, parent, ^pid, ^pid, "0" | _] = stat(pid)
      assert parent == "#{os_pids(ctx.launcher).worker}"
      Process.stop(process, [])
    end

    test "has the limits of the VM's own children", ctx do
      assert {limits, 0} = System.cmd("cat", ["/proc/self/limits"])
      assert Contained.cmd("cat", ["/proc/self/limits"], launcher: ctx.launcher) == {limits, 0}
    end

    test "has the umask, niceness, oom score and ids of the VM's own children", ctx do
      line =
        "umask; nice; cat /proc/self/oom_score_adj; id; grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status"

      assert {expected, 0} = System.cmd("sh", ["-c", line])
      assert sh(ctx, line) == expected
    end

    test "is in a control group of its own, not the VM's", ctx do
      line = "grep ^0:: /proc/self/cgroup"
      # Another one at the same time has another; one after it may have the same.
      {:ok, other} = Contained.start("sh", ["-c", line <> "; exec sleep 60"], stdin: :null)
      assert {:stdout, others} = Contained.Process.next(other, 10_000)
      group = sh(ctx, line)
      Contained.Process.stop(other, [])
      assert group != others
      assert group =~ "contained-"
      refute group == "0::" <> vm_group() <> "\n"
    end

    test "runs where the VM is, or where it is told to", ctx do
      dir = tmp_dir()
      assert File.cd!(dir, fn -> sh(ctx, "pwd -P") end) == dir <> "\n"
      assert sh(ctx, "pwd -P") == File.cwd!() <> "\n"
      assert sh(ctx, "pwd -P", cd: dir) == dir <> "\n"
    end
  end

  defp vm_group do
    [_, path] = Regex.run(~r/^0::(.*)$/m, File.read!("/proc/#{System.pid()}/cgroup"))
    path
  end

  describe "the environment" do
    @name "CONTAINED_CHILD_STATE"

    defp environment(ctx, opts \\ []) do
      {text, 0} = Contained.cmd("env", ["-0"], [launcher: ctx.launcher] ++ opts)

      for pair <- String.split(text, "\0", trim: true), into: %{} do
        [name, value] = String.split(pair, "=", parts: 2)
        {name, value}
      end
    end

    test "muontrap 22: is the VM's, without what the VM set for itself", ctx do
      own = ~w(BINDIR ROOTDIR EMU PROGNAME)
      found = environment(ctx)
      assert Map.drop(found, ["PATH"]) == Map.drop(System.get_env(), ["PATH" | own])
      assert System.get_env("PATH") |> String.ends_with?(found["PATH"])
      refute found["PATH"] =~ System.get_env("BINDIR")
    end

    test "follows the VM's, after the port program was started", ctx do
      on_exit(fn -> System.delete_env(@name) end)
      refute Map.has_key?(environment(ctx), @name)

      for value <- ["set", "changed", "ü = \n\"x\" ", "", String.duplicate("x", 100_000)] do
        System.put_env(@name, value)
        assert environment(ctx)[@name] == value
      end

      System.delete_env(@name)
      refute Map.has_key?(environment(ctx), @name)
    end

    test "follows it also in what the port program was started with", _ctx do
      on_exit(fn -> System.delete_env(@name) end)
      System.put_env(@name, "first")
      launcher = start_supervised!({Launcher, []}, id: :later)
      assert environment(%{launcher: launcher})[@name] == "first"
      System.put_env(@name, "second")
      assert environment(%{launcher: launcher})[@name] == "second"
      System.delete_env(@name)
      refute Map.has_key?(environment(%{launcher: launcher}), @name)
    end

    test "of a changed PATH has the change, and still not the VM's directories", ctx do
      path = System.get_env("PATH")
      on_exit(fn -> System.put_env("PATH", path) end)
      System.put_env("PATH", "/of/mine:" <> path)
      found = environment(ctx)["PATH"]
      assert "/of/mine:" <> _ = found
      refute found =~ System.get_env("BINDIR")
    end

    test "can be changed, emptied and named", ctx do
      env = [{"A", "1"}, {"HOME", nil}, {"EMU", "mine"}]
      found = environment(ctx, env: env)
      assert %{"A" => "1", "EMU" => "mine"} = found
      refute Map.has_key?(found, "HOME")
      assert environment(ctx, clear_env: true, env: [{"A", "1"}]) == %{"A" => "1"}
      home = %{"HOME" => System.get_env("HOME")}
      assert environment(ctx, clear_env: true, keep_env: ["HOME", "EMU2"]) == home
    end
  end
end
