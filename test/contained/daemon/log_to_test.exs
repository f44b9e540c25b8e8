defmodule Contained.Daemon.LogToTest do
  # `log_to:` as a daemon has it; what each sink does is tested with `Contained.Daemon.Sinks`.
  use Contained.Case, async: true

  import ExUnit.CaptureLog

  alias Contained.{Daemon, Needs}

  @moduletag :port
  @moduletag :capture_log

  setup do
    Process.flag(:trap_exit, true)
    dir = tmp_dir()
    %{dir: dir, log: Path.join(dir, "log")}
  end

  defp run(script, opts) do
    {:ok, daemon} = Daemon.start_link("sh", ["-c", script], opts)
    assert_receive {:EXIT, ^daemon, reason}, 20_000
    reason
  end

  test "D13: the file is complete when the daemon has ended", %{log: log} do
    assert run("seq 10000; printf last", log_to: {:file, log}) == :normal
    assert File.read!(log) == Enum.map_join(1..10_000, &"#{&1}\n") <> "last"
  end

  test "the file of a program that is stopped has its last words", %{log: log} do
    script = "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.01; done"
    {:ok, daemon} = Daemon.start_link("sh", ["-c", script], log_to: {:file, log})
    eventually(fn -> File.read!(log) == "up\n" end)
    assert Daemon.statistics(daemon).output_byte_count == 0
    assert Daemon.stop(daemon) == :ok
    assert File.read!(log) == "up\nbye\n"
  end

  test "all runs of the program write to it", %{log: log} do
    opts = [log_to: {:file, log}, backoff: [min: 0, max: 0], max_restarts: 3]
    assert run("echo run; exit 1", opts) == :error_exit_status
    assert File.read!(log) == "run\nrun\nrun\nrun\n"
  end

  test "the VM has the output as well when it wants it", %{log: log} do
    test = self()
    opts = [log_to: {:file, log}, logger_fun: &send(test, {:line, &1}), ready: {:output, ~r/up/}]
    assert run("echo up; sleep 0.1; seq 1000; printf last", opts) == :normal
    assert File.read!(log) == "up\n" <> Enum.map_join(1..1_000, &"#{&1}\n") <> "last"
    assert lines() == ["up" | Enum.map(1..1_000, &"#{&1}")] ++ ["last"]
  end

  defp lines do
    receive do
      {:line, line} -> [line | lines()]
    after
      0 -> []
    end
  end

  test ":logger is a sink like others", %{log: log} do
    logged =
      capture_log(fn ->
        assert run("echo to both", log_to: [:logger, {:file, log}]) == :normal
      end)

    assert logged =~ "sh: to both"
    assert File.read!(log) == "to both\n"
  end

  test "stderr goes along when it is sent to stdout", %{log: log} do
    opts = [log_to: {:file, log}, stderr_to_stdout: true]
    assert run("echo a; echo b >&2; echo c", opts) == :normal
    assert File.read!(log) == "a\nb\nc\n"
  end

  test "with a launcher of its own", %{log: log} do
    assert run("echo x", log_to: {:file, log}, launcher: :dedicated) == :normal
    assert File.read!(log) == "x\n"
  end

  test "a sink that cannot be opened is a start error, and nothing runs", %{dir: dir} do
    assert {:error, %Contained.Error{stage: :file, reason: :enoent}} =
             Daemon.start_link("sleep", ["100"], log_to: {:file, Path.join(dir, "no/log")})
  end

  test "syslog gets a packet for each line", %{dir: dir} do
    path = Path.join(dir, "socket")
    {:ok, socket} = :gen_udp.open(0, [:local, :binary, active: true, ifaddr: {:local, path}])
    sink = {:syslog, "app", :daemon, :notice, socket: path}
    assert run("echo one; printf two", log_to: sink) == :normal

    for line <- ["one", "two"] do
      assert_receive {:udp, ^socket, _, _, <<"<29>", rest::binary>>}, 10_000
      assert rest =~ ~r/\A[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d app: #{line}\z/
    end
  end

  @tag skip: Needs.root()
  test "a log command runs as its own user", %{dir: dir} do
    File.chmod!(dir, 0o777)
    script = "id -u > #{dir}/id; exec cat > #{dir}/out"
    sink = {:command, "sh", ["-c", script], user: 65_534, group: 65_534, groups: []}
    assert run("id -u", log_to: sink) == :normal
    assert File.read!("#{dir}/id") == "65534\n"
    assert File.read!("#{dir}/out") == "0\n"
  end

  test "a start that fails says what the program wrote last, 20 times", %{log: log} do
    text = Enum.map_join(1..2_000, &"#{&1}\n") <> "last words"
    script = "seq 2000; printf 'last words'; exit 3"

    for opts <- [[], [capture: true]], round <- 1..10 do
      path = "#{log}-#{length(opts)}-#{round}"
      opts = [log_to: {:file, path}, ready: {:file, "/no/such/file"}] ++ opts
      {:error, error} = Daemon.start_link("sh", ["-c", script], opts)
      assert %{stage: :ready, reason: :exit_status, result: %{status: 3, stdout: told}} = error
      size = if opts[:capture], do: byte_size(text), else: 8_192
      assert told == binary_part(text, byte_size(text), -size)
      assert File.read!(path) == text
    end
  end

  test "one that is not ready in time as well", %{log: log} do
    script = "echo here I am; exec sleep 100"
    opts = [log_to: {:file, log}, ready: {:file, "/no/such/file"}, ready_timeout: within(300)]
    {:error, error} = Daemon.start_link("sh", ["-c", script], opts)
    assert %{reason: :timeout, result: %{stdout: "here I am\n"}} = error
  end

  test "what went wrong with a sink is told", %{dir: dir} do
    fifo = Path.join(dir, "fifo")
    {"", 0} = System.cmd("mkfifo", [fifo])

    assert {:error, %Contained.Error{stage: :file}} =
             Daemon.start_link("true", [], log_to: {:file, fifo})

    {:ok, daemon} =
      Daemon.start_link("sleep", ["100"], log_to: {:command, "sh", ["-c", "exit 3"]})

    Daemon.subscribe(daemon)
    assert_receive {Daemon, ^daemon, {:sink, %{event: :died, status: {:exited, 3}}}}, 10_000
    eventually(fn -> Daemon.statistics(daemon).sink_restarts > 0 end)
    Daemon.stop(daemon)
  end

  test "wrong sinks and what cannot go together is refused", %{log: log} do
    for {opts, message} <- [
          {[log_to: {:fiel, "x"}],
           ~r/option :log_to: expected \{:file, path\}.* got: \{:fiel, "x"\}/},
          {[log_to: {:file, log}, max_output: 1], ~r/cannot use "max_output" and "log_to"/},
          {[log_to: {:file, log}, capture_stderr_only: true],
           ~r/cannot use "capture_stderr_only" and "log_to"/}
        ] do
      assert {:error, {%ArgumentError{message: text}, _}} = Daemon.start_link("true", [], opts)
      assert text =~ message
    end
  end

  test "a port program that dies takes the sinks with it, and all come back", %{log: log} do
    {:ok, launcher} = GenServer.start(Contained.Launcher, [])
    opts = [log_to: {:file, log}, launcher: launcher]
    {:ok, daemon} = Daemon.start_link("sh", ["-c", "echo run; exec sleep 100"], opts)
    eventually(fn -> File.read!(log) == "run\n" end)
    worker = Contained.Proc.launcher_info(launcher).os_pids.worker
    Contained.Proc.kill("KILL", [worker])
    eventually(fn -> File.read!(log) == "run\nrun\n" end, 20_000)
    assert Daemon.stop(daemon) == :ok
    GenServer.stop(launcher)
  end
end
