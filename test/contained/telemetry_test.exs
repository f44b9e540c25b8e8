defmodule Contained.TelemetryTest do
  # A module of the whole VM comes and goes.
  use Contained.Case, async: false

  alias Contained.{FakeTelemetry, Process, Telemetry}

  defmodule Raising do
    defstruct []

    defimpl Collectable do
      def into(raising), do: {raising, fn _, command -> if command != :halt, do: raise("no") end}
    end
  end

  @moduletag :port
  @moduletag :capture_log

  describe "with the library" do
    setup do: FakeTelemetry.install()

    # The next event of a command or daemon: {name, measurements, metadata}. Launchers of tests
    # before may still go down.
    defp event do
      assert_receive {:telemetry, [:contained, what, how], measurements, metadata}
                     when what in [:cmd, :daemon],
                     10_000

      {[what, how], measurements, metadata}
    end

    defp refute_event do
      refute_received {:telemetry, [:contained, :cmd, _], _, _}
      refute_received {:telemetry, [:contained, :daemon, _], _, _}
    end

    defp assert_start(function) do
      assert {[:cmd, :start], %{system_time: _, monotonic_time: _} = measurements, metadata} =
               event()

      assert map_size(measurements) == 2
      assert %{function: ^function, owner: owner, telemetry_span_context: context} = metadata
      assert owner == self()
      {context, metadata}
    end

    defp assert_stop({context, _metadata}) do
      assert {[:cmd, :stop], %{duration: duration, monotonic_time: _}, metadata} = event()
      assert duration > 0
      assert metadata.telemetry_span_context == context
      metadata
    end

    test "a command starts and stops" do
      Contained.cmd("sh", ["-c", "exit 3"])
      start = assert_start(:cmd)
      assert {_, %{program: "sh", args: ["-c", "exit 3"]}} = start

      assert %{reason: :exit, status: 3, exit: {:exited, 3}, os_pid: pid, usage: %{wall_us: _}} =
               assert_stop(start)

      assert is_integer(pid)
      refute_event()
    end

    test "so do those of shell and run" do
      Contained.shell("true")
      assert %{status: 0} = assert_stop(assert_start(:shell))
      {:ok, _} = Contained.run("sleep", ["60"], timeout: 10)
      assert %{reason: :timeout} = assert_stop(assert_start(:run))
    end

    test "one that cannot be started is an exception" do
      assert {:error, error} = Contained.run("/dev/null", [])
      {context, _} = assert_start(:run)
      assert {[:cmd, :exception], %{duration: _}, metadata} = event()
      assert %{kind: :error, reason: ^error, stacktrace: []} = metadata
      assert metadata.telemetry_span_context == context
    end

    test "so is a collectable that raises" do
      into = %Raising{}
      assert_raise RuntimeError, fn -> Contained.cmd("echo", ["x"], into: into) end
      assert_start(:cmd)

      assert {[:cmd, :exception], _,
              %{kind: :error, reason: %RuntimeError{}, stacktrace: [_ | _]}} = event()
    end

    test "a stream, to its end and not" do
      stream = Contained.stream("seq", ["3"])
      refute_event()
      Stream.run(stream)
      assert %{reason: :exit, status: 0} = assert_stop(assert_start(:stream))

      assert Contained.stream("yes", []) |> Enum.take(1) |> length() == 1
      assert %{reason: :stopped} = assert_stop(assert_start(:stream))
      refute_event()
    end

    test "a process, when its owner is told of the end" do
      {:ok, process} = Contained.start("cat", [])
      start = assert_start(:start)
      Process.close_stdin(process)
      refute_event()
      {:ok, _} = Process.await(process)
      assert %{reason: :exit, status: 0} = assert_stop(start)
      {:error, %{reason: :closed}} = Process.await(process)
      refute_event()
    end

    test "a process that cannot be started" do
      directory = tmp_dir()
      {:error, %{reason: :enoexec}} = Contained.start(script(directory, "x", "no script"), [])
      assert_start(:start)
      assert {[:cmd, :exception], _, %{reason: %Contained.Error{reason: :enoexec}}} = event()
    end

    test "a run of a daemon, and what happens to it" do
      me = self()
      metadata = %{name: :db, program: "db", args: [], os_pid: 17}
      span = Telemetry.daemon(metadata)
      assert {[:daemon, :start], _, %{owner: ^me, name: :db, os_pid: 17}} = event()

      for point <- [:ready, :paused, :resumed, :oom, :restart, :watchdog, :signal] do
        Telemetry.point(point, metadata)
        assert {[:daemon, ^point], %{system_time: _, monotonic_time: _}, %{owner: ^me}} = event()
      end

      Telemetry.ended(span, {:ok, %Contained.Result{reason: :oom, status: 137}})
      assert {[:daemon, :stop], %{duration: _}, %{name: :db, reason: :oom, status: 137}} = event()
    end

    test "a daemon tells of each run of its program, and when it is ready and paused" do
      opts = [ready: {:after, 0}, backoff: {1, 1}, max_restarts: 1, success_exit_codes: [3]]

      {:ok, daemon} =
        Contained.Daemon.start_link("sh", ["-c", "read x; exit 3"], [stdin: :pipe] ++ opts)

      assert {[:daemon, :start], _, %{program: "sh", args: ["-c", _], owner: ^daemon} = first} =
               event()

      assert {[:daemon, :ready], _, %{owner: ^daemon, name: nil}} = event()

      :ok = Contained.Daemon.pause(daemon)
      assert {[:daemon, :paused], _, _} = event()
      :ok = Contained.Daemon.resume(daemon)
      assert {[:daemon, :resumed], _, _} = event()
      :ok = Contained.Daemon.signal(daemon, 18)
      assert {[:daemon, :signal], _, %{signal: :cont, target: :all, owner: ^daemon}} = event()

      Contained.Daemon.close_stdin(daemon)
      assert {[:daemon, :stop], %{duration: _}, %{status: 3, reason: :exit} = stop} = event()
      assert stop.telemetry_span_context == first.telemetry_span_context
      assert {[:daemon, :restart], _, %{restarts: 1}} = event()
      assert {[:daemon, :start], _, second} = event()
      assert second.os_pid != first.os_pid
      Contained.Daemon.stop(daemon)
    end

    test "a daemon whose program cannot be started is an exception" do
      Elixir.Process.flag(:trap_exit, true)
      directory = tmp_dir()
      assert {:error, _} = Contained.Daemon.start_link(script(directory, "x", "no script"), [])
      assert {[:daemon, :start], _, _} = event()
      assert {[:daemon, :exception], _, %{reason: %Contained.Error{reason: :enoexec}}} = event()
    end

    test "a signal that a port program has received" do
      {:ok, launcher} = start_supervised({Contained.Launcher, name: __MODULE__.Signal})
      Contained.run("true", [], launcher: launcher)
      assert_stop(assert_start(:run))
      System.cmd("kill", ["-HUP", "#{Contained.Proc.launcher_info(launcher).os_pids.worker}"])
      assert_receive {:telemetry, [:contained, :launcher, :signal], _, metadata}, 10_000
      assert metadata == %{signal: :hup, launcher: __MODULE__.Signal}
    end

    test "the end of a port program" do
      {:ok, launcher} = start_supervised({Contained.Launcher, name: __MODULE__})
      Contained.run("true", [], launcher: launcher)
      assert_stop(assert_start(:run))
      kill_worker(launcher)

      assert_receive {:telemetry, [:contained, :launcher, :down], %{system_time: _}, metadata},
                     10_000

      assert metadata == %{launcher: __MODULE__}
    end

    defp kill_worker(launcher) do
      System.cmd("kill", ["-KILL", "#{Contained.Measure.os_pids(launcher).worker}"])
    end
  end

  describe "without it" do
    test "nothing is measured and nothing fails" do
      refute Telemetry.on?()
      assert Telemetry.daemon(%{name: nil}) == nil
      assert Telemetry.ended(nil, :stopped) == :ok
      assert Telemetry.failed(nil, :error, :x, []) == :ok
      assert Telemetry.point(:ready, %{}) == :ok
      assert Telemetry.report([:launcher, :down], %{}) == :ok
      assert Telemetry.measure(:command, fn :command -> {:ok, :result} end) == {:ok, :result}
    end

    # A command takes about a millisecond. The code server would need more than that for ten questions.
    test "the question costs next to nothing" do
      micros = Contained.Measure.micros(fn -> for _ <- 1..10_000, do: Telemetry.on?() end)
      assert micros < within(1_000_000)
    end
  end
end
