defmodule Contained.DaemonSupervisionTest do
  # Daemons under supervisors: generations that do not overlap, starts in order, stops that are waited
  # for. Each run of the program notes in a file when it begins, and whether another one lives.
  use Contained.Case, async: false

  import Contained.Proc

  alias Contained.{Daemon, Launcher}

  @moduletag :port
  @moduletag :capture_log
  @moduletag timeout: 300_000

  # It takes its place by a directory, which the next one finds taken if this one is not gone. A
  # descendant that has left the session holds it as well, for mkdir's name is its own to remove.
  @generation """
  trap '' TERM
  for pid in $(cat "$1/alive" 2>/dev/null); do
    if read -r _ _ state _ 2>/dev/null </proc/$pid/stat && [ "$state" != Z ]; then
      echo "overlap $pid $state" >>"$1/log"
    fi
  done
  setsid sleep 1000 $2 &
  echo $$ $! >"$1/alive"
  echo run >>"$1/log"
  """

  defp child(dir, script, opts \\ []) do
    args = ["-c", @generation <> script, "sh", dir, "#{opts[:marker] || 1000}"]
    {Daemon, ["sh", args, Keyword.merge([delay_to_sigkill: 50], Keyword.delete(opts, :marker))]}
  end

  defp runs(dir) do
    case File.read(Path.join(dir, "log")) do
      {:ok, text} -> String.split(text, "\n", trim: true)
      {:error, :enoent} -> []
    end
  end

  defp alive(dir) do
    with {:ok, text} <- File.read(Path.join(dir, "alive")) do
      text |> String.split() |> Enum.filter(&os_alive?/1)
    end
  end

  defp supervise(children, opts \\ []) do
    opts = Keyword.merge([strategy: :one_for_one, max_restarts: 1_000_000], opts)
    {:ok, supervisor} = Supervisor.start_link(children, opts)
    on_exit(fn -> Process.exit(supervisor, :kill) end)
    supervisor
  end

  defp only_child(supervisor) do
    case Supervisor.which_children(supervisor) do
      [{_id, pid, _type, _modules}] when is_pid(pid) -> pid
      _restarting -> nil
    end
  end

  test "100 crashes and restarts: no overlap, nothing left" do
    dir = tmp_dir()
    before = fds()
    supervisor = supervise([child(dir, "sleep 0.01; exit 1")])
    eventually(fn -> length(runs(dir)) >= 100 end, 120_000)
    Supervisor.stop(supervisor)
    assert alive(dir) == []
    assert Enum.uniq(runs(dir)) == ["run"]
    assert_program_idle(launcher_info(Launcher))
    # Open files of the port program, a few of them spare.
    eventually(fn -> fds() <= before + 20 end)
  end

  defp fds do
    %{os_pids: %{worker: worker}} = launcher_info(Launcher)
    length(File.ls!("/proc/#{worker}/fd"))
  end

  test "100 restarts inside the daemon: no overlap, nothing left, no intensity spent" do
    dir = tmp_dir()
    backoff = [min: 0, max: 0]
    supervisor = supervise([child(dir, "sleep 0.01; exit 1", backoff: backoff)], max_restarts: 0)
    daemon = only_child(supervisor)
    eventually(fn -> length(runs(dir)) >= 100 end, 120_000)
    assert only_child(supervisor) == daemon
    Supervisor.stop(supervisor)
    assert alive(dir) == []
    assert Enum.uniq(runs(dir)) == ["run"]
  end

  test "muontrap 8: a daemon that is killed is followed by the next when its program is dead" do
    dir = tmp_dir()
    supervisor = supervise([child(dir, "sleep 1000", delay_to_sigkill: 300)])

    for n <- 1..5 do
      eventually(fn -> length(runs(dir)) == n and length(alive(dir)) == 2 end)
      supervisor |> only_child() |> Process.exit(:kill)
    end

    eventually(fn -> length(runs(dir)) == 6 end)
    Supervisor.stop(supervisor)
    assert alive(dir) == []
    assert Enum.uniq(runs(dir)) == ["run"]
  end

  for kind <- [:default, :dedicated] do
    test "with shutdown: :brutal_kill, #{kind} launcher, terminate and restart do not overlap" do
      dir = tmp_dir()
      opts = if unquote(kind) == :dedicated, do: [launcher: :dedicated], else: []
      opts = [delay_to_sigkill: 200, shutdown: :brutal_kill] ++ opts
      supervisor = supervise([child(dir, "sleep 1000", opts)])

      for n <- 1..3 do
        eventually(fn -> length(runs(dir)) == n and length(alive(dir)) == 2 end)
        :ok = Supervisor.terminate_child(supervisor, Daemon)
        {:ok, _} = Supervisor.restart_child(supervisor, Daemon)
      end

      eventually(fn -> length(runs(dir)) == 4 end)
      assert Enum.uniq(runs(dir)) == ["run"]
      Process.unlink(supervisor)
      Supervisor.stop(supervisor)
      eventually(fn -> alive(dir) == [] end)
    end
  end

  test "a supervisor that is killed and started again: the next waits for the one that ends" do
    dir = tmp_dir()
    name = :"#{__MODULE__}.Daemon"
    child = child(dir, "sleep 1000", name: name, delay_to_sigkill: 300)

    inner = %{
      id: :inner,
      type: :supervisor,
      start: {Supervisor, :start_link, [[child], [strategy: :one_for_one]]}
    }

    outer = supervise([inner])

    for n <- 1..4 do
      eventually(fn -> length(runs(dir)) == n and length(alive(dir)) == 2 end)
      outer |> only_child() |> Process.exit(:kill)
    end

    eventually(fn -> length(runs(dir)) == 5 end)
    Supervisor.stop(outer)
    assert alive(dir) == []
    assert Enum.uniq(runs(dir)) == ["run"]
  end

  test "two daemons of the same command do not wait for each other" do
    dir = tmp_dir()
    args = ["-c", "trap '' TERM; echo $$ >>\"$0/pids\"; while :; do sleep 1; done", dir]
    child = {Daemon, ["sh", args, [delay_to_sigkill: 50]]}
    supervise([Supervisor.child_spec(child, id: :a), Supervisor.child_spec(child, id: :b)])
    pids = fn -> dir |> Path.join("pids") |> File.read() |> elem(1) end
    eventually(fn -> match?([_, _], String.split(to_string(pids.()))) end)
  end

  # It says what it is only when the server is there.
  defp member(id, ready, script),
    do: {Daemon, command: "sh", args: ["-c", script <> "; exec sleep 1000"], ready: ready, id: id}

  test "rest_for_one starts in order of readiness, and again after a crash" do
    dir = tmp_dir()
    log = Path.join(dir, "log")
    up = Path.join(dir, "up")

    server = "rm -f #{up}; sleep 0.1; echo server >>#{log}; echo >#{up}"
    client = &"test -e #{up} && echo #{&1} >>#{log}; echo set"
    set = {:output, ~r/set/}

    children =
      [member(:server, {:file, up}, server)] ++
        for(name <- [:one, :two], do: member(name, set, client.(name)))

    supervisor = supervise(children, strategy: :rest_for_one)
    assert runs(dir) == ~w(server one two)
    daemons = for {id, pid, _, _} <- Supervisor.which_children(supervisor), do: {id, pid}
    File.rm!(up)
    kill("KILL", [Daemon.os_pid(daemons[:server])])
    eventually(fn -> runs(dir) == ~w(server one two server one two) end)
    Supervisor.stop(supervisor)
  end

  test "a start that fails is the supervisor's error, and nothing runs" do
    Process.flag(:trap_exit, true)
    marker = marker()
    good = {Daemon, command: "sh", args: ["-c", "sleep 1000", marker], id: :good}
    bad = {Daemon, command: "sh", args: ["-c", "echo no; exit 1"], ready: {:tcp, 1}, id: :bad}

    assert {:error, {:shutdown, {:failed_to_start_child, :bad, error}}} =
             Supervisor.start_link([good, bad], strategy: :one_for_one)

    assert %Contained.Error{stage: :ready, result: %{stdout: "no\n"}} = error
    assert marked(marker) == []
  end

  # Elixir's Supervisor knows of it since 1.15, OTP's since 24.
  defmodule Automatic do
    @behaviour :supervisor
    @impl true
    def init(child) do
      {:ok, {%{strategy: :one_for_one, auto_shutdown: :any_significant}, [child]}}
    end
  end

  test "transient and significant daemons end their supervisor as OTP says" do
    Process.flag(:trap_exit, true)
    child = Daemon.child_spec(command: "true", restart: :transient, significant: true)
    {:ok, supervisor} = :supervisor.start_link(Automatic, child)
    assert_receive {:EXIT, ^supervisor, :shutdown}, 10_000
  end

  describe "stop is waited for (muontrap 8, 10):" do
    @scripts [
      {"a program that ignores SIGTERM", "trap '' TERM; while :; do sleep 1; done"},
      {"one that is stopped", "kill -STOP $$; sleep 1000"},
      {"one whose descendants have left its session",
       "setsid setsid sleep 1000 MARK & setsid sleep 1000 MARK & wait"}
    ]

    for {what, script} <- @scripts,
        how <- [:supervisor, :terminate_child, :gen_server, :exit] do
      test "#{what}, by #{how}" do
        marker = "1000#{System.unique_integer([:positive])}"
        script = String.replace(unquote(script), "MARK", marker)

        child =
          {Daemon,
           [
             "sh",
             ["-c", "echo up; " <> script, "sh", marker],
             [delay_to_sigkill: 50, ready: {:output, ~r/up/}]
           ]}

        supervisor = supervise([child])
        eventually(fn -> marked(marker) != [] end)
        stop(unquote(how), supervisor, only_child(supervisor))
        assert marked(marker) == []
      end
    end

    defp stop(:supervisor, supervisor, _daemon), do: Supervisor.stop(supervisor)

    defp stop(:terminate_child, supervisor, _daemon),
      do: :ok = Supervisor.terminate_child(supervisor, Daemon)

    defp stop(:gen_server, supervisor, daemon) do
      # By its own supervisor's leave, or the next would run.
      spec = Supervisor.child_spec(Daemon.child_spec(["sleep", ["1"]]), id: :other)
      {:ok, _} = Supervisor.start_child(supervisor, spec)
      :sys.suspend(supervisor)
      GenServer.stop(daemon)
    end

    defp stop(:exit, _supervisor, daemon) do
      monitor = Process.monitor(daemon)
      {:links, [supervisor]} = Process.info(daemon, :links)
      :sys.suspend(supervisor)
      send(daemon, {:EXIT, supervisor, :shutdown})
      assert_receive {:DOWN, ^monitor, _, _, :shutdown}, 20_000
    end
  end

  test "D7: the last words of a program that is stopped are heard" do
    test = self()
    script = "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.01; done"

    {:ok, daemon} =
      Daemon.start_link("sh", ["-c", script],
        logger_fun: &send(test, &1),
        ready: {:output, ~r/up/}
      )

    assert Daemon.stop(daemon) == :ok
    assert_received "bye"
  end
end
