defmodule Contained.JobTest do
  use Contained.Case, async: false

  import Contained.Jobs
  import Contained.Proc, only: [marker: 0, marked: 1]

  alias Contained.{Error, Job, Result}

  @moduletag :port
  @moduletag timeout: 120_000

  setup do
    {:ok, namespace: namespace()}
  end

  test "a job runs, is found by its name, and its result stays", %{namespace: ns} do
    assert {:ok, os_pid} =
             Job.run(ns, "one", ["sh", "-c", "echo out; echo err >&2; read x; exit 7"])

    assert {:ok, %Result{exit: {:exited, 7}, status: 7, reason: :exit}} =
             Job.wait(ns, "one", 20_000)

    assert {:ok, info} = Job.info(ns, "one")
    assert %{state: :finished, os_pid: ^os_pid, command: [_sh, "-c", _line]} = info
    assert info.cd == File.cwd!()
    assert {:ok, "out\nerr\n"} = Job.logs(ns, "one")
    refute Job.check(ns, "one")
  end

  test "its name is taken while it runs, also for the command line", %{namespace: ns} do
    {:ok, os_pid} = Job.run(ns, "busy", ["sleep", "1000"])
    assert Job.check(ns, "busy")

    assert {:error, %Error{stage: :job, reason: :already_running} = error} =
             Job.run(ns, "busy", ["true"])

    assert Exception.message(error) =~ "busy"
    assert {_text, 1} = cli(["job", ns, "run", "busy", "true"])
    assert {"", 0} = cli(["job", ns, "check", "busy"])
    assert [%{name: "busy", state: :running, os_pid: ^os_pid}] = Job.list(ns)

    assert {:ok, %Result{reason: :stopped, exit: {:signaled, 15, false}}} = Job.stop(ns, "busy")
    refute os_alive?(os_pid)
    assert {"", 1} = cli(["job", ns, "check", "busy"])
    assert {:error, %Error{reason: :not_running}} = Job.stop(ns, "busy")
    assert {:ok, _os_pid} = Job.run(ns, "busy", ["true"])
  end

  test "jobs of the command line are seen", %{namespace: ns} do
    assert {_text, 0} =
             cli(["job", ns, "run", "theirs", "sh", "-c", "echo hello; exec sleep 1000"])

    assert %{state: :running, command: ["sh", "-c", _]} =
             Enum.find(Job.list(ns), &(&1.name == "theirs"))

    assert ns in Job.namespaces()
    assert eventually(fn -> Job.logs(ns, "theirs") == {:ok, "hello\n"} end)
    sleeps = fn -> match?({:ok, [%{command: "sleep 1000"}]}, Job.processes(ns, "theirs")) end
    assert eventually(sleeps)
    assert {:ok, %Result{reason: :stopped}} = Job.stop(ns, "theirs")
  end

  test "what it started is stopped with it", %{namespace: ns} do
    marker = marker()

    script =
      "trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' sh #{marker} & while :; do sleep 1; done"

    {:ok, _os_pid} = Job.run(ns, "stubborn", ["sh", "-c", script, "sh", marker])
    eventually(fn -> length(marked(marker)) >= 2 end)

    assert {:ok, %Result{exit: {:signaled, 9, _}}} =
             Job.stop(ns, "stubborn", stop_signal: [term: 100])

    assert marked(marker) == []
  end

  test "with linger: :wait it lasts until nothing is left", %{namespace: ns} do
    line = "sleep 1000 & exit 3"
    {:ok, os_pid} = Job.run(ns, "left", ["sh", "-c", line], linger: :wait)
    assert eventually(fn -> not os_alive?(os_pid) end)
    assert Job.check(ns, "left")
    left = fn -> match?({:ok, [%{command: "sleep 1000"}]}, Job.processes(ns, "left")) end
    assert eventually(left)
    assert {:ok, %Result{reason: :stopped, status: 3, left_behind: 1}} = Job.stop(ns, "left")
    refute Job.check(ns, "left")
  end

  test "limits that it met or did without are in its result", %{namespace: ns} do
    line = "i=0; while [ $i -lt 9 ]; do sleep 1000 & i=$((i+1)); done"
    opts = [limits: [pids: 5], on_unsupported: :ignore]
    {:ok, _os_pid} = Job.run(ns, "many", ["sh", "-c", line], opts)
    assert {:ok, %Result{usage: usage} = result} = Job.wait(ns, "many", 30_000)
    assert {result.not_applied, result.limits_hit} in [{[], [:pids]}, {[:pids], []}]
    assert usage.log_dropped == 0
  end

  test "its name is the path that was found, as that of System.cmd/3", %{namespace: ns} do
    show = "tr '\\0' '\\n' < /proc/$$/cmdline | head -n 1"
    {:ok, _os_pid} = Job.run(ns, "named", ["sh", "-c", show])
    {:ok, %Result{status: 0}} = Job.wait(ns, "named", 20_000)
    assert Job.logs(ns, "named") == {:ok, System.find_executable("sh") <> "\n"}
  end

  test "a program that cannot be started is an error, and no job", %{namespace: ns} do
    assert {:error, %Error{stage: :exec, reason: :enoent}} = Job.run(ns, "no", ["/nonexistent"])

    assert {:error, %Error{stage: :chdir, reason: :enoent}} =
             Job.run(ns, "no", ["true"], cd: "/nonexistent")

    refute Job.check(ns, "no")
    assert {:ok, _os_pid} = Job.run(ns, "no", ["true"])
  end

  test "environment, directory, arguments and input are the caller's choice", %{namespace: ns} do
    System.put_env("CONTAINED_JOB_TEST", "from the VM")
    on_exit(fn -> System.delete_env("CONTAINED_JOB_TEST") end)
    line = ~S[echo "$CONTAINED_JOB_TEST|$MINE|$PWD|$1|$(cat)"]
    opts = [env: [{"MINE", "a b"}], cd: "/usr"]
    {:ok, _os_pid} = Job.run(ns, "env", ["sh", "-c", line, "sh", "two\nlines"], opts)
    assert {:ok, %Result{status: 0}} = Job.wait(ns, "env", 20_000)
    assert {:ok, "from the VM|a b|/usr|two\nlines|\n"} = Job.logs(ns, "env")
  end

  test "its own ladder, timeout and hook", %{namespace: ns} do
    file = Path.join(tmp_dir(), "told")
    hook = ~s(echo "$CONTAINED_NAME $CONTAINED_STATUS $CONTAINED_REASON" > #{file})
    {:ok, _os_pid} = Job.run(ns, "late", ["sleep", "1000"], timeout: 50, on_exit: hook)
    assert {:ok, %Result{reason: :timeout}} = Job.wait(ns, "late", 20_000)
    assert eventually(fn -> File.read(file) == {:ok, "late 124 timeout\n"} end)
  end

  test "signals, freezing and statistics", %{namespace: ns} do
    {:ok, os_pid} =
      Job.run(ns, "held", [
        "sh",
        "-c",
        "trap 'exit 5' USR1; echo heard; while :; do sleep 0.05; done"
      ])

    assert eventually(fn -> Job.logs(ns, "held") == {:ok, "heard\n"} end)

    assert {:ok, %{} = stats} = Job.stats(ns, "held")
    assert is_map(stats)
    assert :ok = Job.freeze(ns, "held")
    assert :ok = Job.thaw(ns, "held")
    assert os_alive?(os_pid)
    assert :ok = Job.signal(ns, "held", :usr1)
    assert {:ok, %Result{status: 5}} = Job.wait(ns, "held", 20_000)
  end

  test "wait gives up in time, and the job goes on", %{namespace: ns} do
    {:ok, os_pid} = Job.run(ns, "long", ["sleep", "1000"])
    assert {:error, %Error{reason: :timeout}} = Job.wait(ns, "long", 20)
    assert os_alive?(os_pid)
  end

  test "a keeper that is stopped is waited for", %{namespace: ns} do
    {:ok, _os_pid} = Job.run(ns, "held", ["sleep", "1000"])
    {:ok, %{job: job}} = Job.Files.read(ns, "held")
    keeper = for who <- ["guardian", "worker"], do: Job.Record.number(job, who <> "_pid")
    Contained.Proc.kill("STOP", keeper)
    assert {:error, %Error{stage: :job, reason: :timeout}} = Job.wait(ns, "held", 100)
    waiting = Task.async(fn -> Job.wait(ns, "held") end)
    # A guardian kills a worker that it finds stopped for long.
    Contained.Proc.kill("CONT", Enum.reverse(keeper))
    assert {:ok, %Result{reason: :stopped}} = Job.stop(ns, "held", timeout: :infinity)
    assert {:ok, %Result{reason: :stopped}} = Task.await(waiting, 60_000)
  end

  test "a wait is for the run that it has found", %{namespace: ns} do
    {:ok, os_pid} = Job.run(ns, "one", ["true"])
    {:ok, %Result{status: 0}} = Job.wait(ns, "one", 60_000)
    # A keeper of ours, whose job ends and is followed by another one of its name.
    {:ok, path} = Job.Files.socket(ns, "one")
    options = [:binary, packet: :line, active: false, ifaddr: {:local, path}]
    {:ok, listener} = :gen_tcp.listen(0, options)
    waiting = Task.async(fn -> Job.wait(ns, "one", 60_000) end)
    {:ok, socket} = :gen_tcp.accept(listener, 60_000)
    assert {:ok, "watch\n"} = :gen_tcp.recv(socket, 0, 60_000)
    :ok = :gen_tcp.send(socket, "ok\n")
    job = Path.join(Path.dirname(path), "job")
    File.write!(job, Regex.replace(~r/^started .*$/m, File.read!(job), "started 1"))
    :ok = :gen_tcp.send(socket, "stuck\nended exited 7 exit\n")
    :gen_tcp.close(socket)
    :gen_tcp.close(listener)
    assert {:ok, %Result{status: 7, os_pid: ^os_pid}} = Task.await(waiting, 60_000)
  end

  test "names may be as long as they like", %{namespace: ns} do
    name = String.duplicate("n", 64)
    directory = Path.join(System.get_env("CONTAINED_RUNTIME_DIR"), String.duplicate("d", 64))
    # Beyond what fits into the address of a socket.
    File.mkdir_p!(directory)
    File.chmod!(directory, 0o700)
    System.put_env("CONTAINED_RUNTIME_DIR", directory)
    {:ok, _os_pid} = Job.run(ns, name, ["sleep", "1000"])
    assert {:ok, %{}} = Job.stats(ns, name)
    assert {:ok, %Result{reason: :stopped}} = Job.stop(ns, name)
    assert {_text, 0} = cli(["job", ns, "release"])
  end

  test "the last lines, and those that follow", %{namespace: ns} do
    {:ok, _os_pid} = Job.run(ns, "lines", ["sh", "-c", "seq 5; sleep 0.2; echo end"])
    assert {:ok, stream} = Job.logs(ns, "lines", follow: true)
    assert Enum.to_list(stream) == ~w(1 2 3 4 5 end)
    assert {:ok, "5\nend\n"} = Job.logs(ns, "lines", lines: 2)
    {:ok, _os_pid} = Job.run(ns, "quiet", ["true"], log: false)
    assert {:error, %Error{stage: :file, reason: :enoent}} = Job.logs(ns, "quiet")
  end

  test "a job whose keeper is killed dies, and says so", %{namespace: ns} do
    {:ok, os_pid} = Job.run(ns, "orphan", ["sleep", "1000"])
    {:ok, %{job: job}} = Job.Files.read(ns, "orphan")
    Contained.Proc.kill("KILL", String.to_integer(Job.Record.get(job, "worker_pid")))
    eventually(fn -> not os_alive?(os_pid) end)
    eventually(fn -> not Job.check(ns, "orphan") end)

    assert Job.wait(ns, "orphan", 20_000) |> elem(1) |> Map.get(:reason) == :supervisor_died
  end

  test "what is not there is not running" do
    assert {:error, %Error{stage: :file, reason: :enoent}} = Job.info("no-such-namespace", "x")
    assert Job.list("no-such-namespace") == []
    refute Job.check("no-such-namespace", "x")
  end

  test "files that others could have written are not believed", %{namespace: ns} do
    {:ok, _os_pid} = Job.run(ns, "safe", ["true"])
    {:ok, _result} = Job.wait(ns, "safe", 20_000)
    {:ok, socket} = Job.Files.socket(ns, "safe")
    job = Path.join(Path.dirname(socket), "job")
    # Its guardian reads it once more, and does not believe it either.
    [_line, guardian] = Regex.run(~r/^guardian_pid (\d+)$/m, File.read!(job))
    assert eventually(fn -> not os_alive?(String.to_integer(guardian)) end)
    File.chmod!(job, 0o666)
    assert {:error, %Error{stage: :file, reason: :eperm}} = Job.info(ns, "safe")
    File.rename!(job, job <> ".away")
    File.ln_s!(job <> ".away", job)
    assert {:error, %Error{stage: :file, reason: :eloop}} = Job.info(ns, "safe")
    # As it was, or the namespace would not be released.
    File.rename!(job <> ".away", job)
    File.chmod!(job, 0o600)
  end

  for {call, what} <- [
        {quote(do: Job.run("a/b", "x", ["true"])), ~s("a/b")},
        {quote(do: Job.check("a", "..")), ~s("..")},
        {quote(do: Job.run("a", "-x", ["true"])), ~s("-x")},
        {quote(do: Job.run("a", "x", ["true"], stdin: :pipe)), ":stdin"},
        {quote(do: Job.run("a", "x", ["true"], keep: -1)), ":keep"},
        {quote(do: Job.run("a", "x", "true")),
         ~s(a list of the program and its arguments, got: "true")},
        {quote(do: Job.wait("a", "x", -1)), "got: -1"},
        {quote(do: Job.logs("a", "x", lines: -1)),
         ":lines: expected a number of lines or :all, got: -1"},
        {quote(do: Job.logs("a", "x", follow: :yes)),
         ":follow: expected true or false, got: :yes"},
        {quote(do: Job.run("a", "x", ["true"], linger: :leave)), ":linger"},
        {quote(do: Job.run("a", "x", ["true"], max_size: "1 MB")), ":max_size"},
        {quote(do: Job.stop("a", "x", stop_signal: :nosuch)), ":stop_signal"}
      ] do
    test "#{Macro.to_string(call)} is refused" do
      assert_raise ArgumentError, ~r/#{Regex.escape(unquote(what))}/, fn -> unquote(call) end
    end
  end
end
