defmodule Contained.DaemonTest do
  use Contained.Case, async: true

  alias Contained.{Daemon, Error, Result}

  @moduletag :port
  @moduletag :capture_log

  setup do
    Process.flag(:trap_exit, true)
    :ok
  end

  defp start(script, opts \\ []) do
    {:ok, daemon} = Daemon.start_link("sh", ["-c", script], opts)
    on_exit(fn -> Process.exit(daemon, :kill) end)
    daemon
  end

  defp lines_to(pid), do: [logger_fun: &send(pid, {:line, &1})]

  defp assert_exit(daemon, timeout \\ 10_000) do
    assert_receive {:EXIT, ^daemon, reason}, timeout
    reason
  end

  defp received_lines do
    receive do
      {:line, line} -> [line | received_lines()]
    after
      0 -> []
    end
  end

  describe "child_spec/1" do
    test "of command and arguments is MuonTrap's, with time to stop" do
      assert Daemon.child_spec(["x", ["y"]]) == %{
               id: Daemon,
               start: {Daemon, :start_link, ["x", ["y"]]},
               type: :worker,
               restart: :permanent,
               shutdown: 2_500
             }

      assert %{start: {Daemon, :start_link, ["x", [], [cd: "/"]]}} =
               Daemon.child_spec(["x", [], [cd: "/"]])
    end

    test "of a keyword list passes on what a supervisor wants to know" do
      opts = [command: "x", args: ["y"], id: :a, restart: :transient, significant: true]
      spec = Daemon.child_spec(opts)
      assert %{id: :a, restart: :transient, significant: true} = spec
      assert spec.start == {Daemon, :start_link, [opts]}
      assert Daemon.child_spec(command: "x", shutdown: 7).shutdown == 7
    end

    test "gives as much time as the ladder takes, and the sinks" do
      ladder = [stop_signal: [{:int, 2_000}, :term], delay_to_sigkill: 1_000]
      assert Daemon.child_spec(["x", [], ladder]).shutdown == 5_000
      assert Daemon.child_spec(["x", [], [delay_to_sigkill: 0]]).shutdown == 2_000
      assert Daemon.child_spec(["x", [], [log_to: {:file, "/x"}]]).shutdown > 2_500
      # A wrong option is start_link's to refuse.
      assert Daemon.child_spec(["x", [], [delay_to_sigkill: :never]]).shutdown == 2_500
    end

    test "of something else says what it takes" do
      assert_raise ArgumentError, ~r/expected \[command, args\]/, fn ->
        Daemon.child_spec(args: [])
      end
    end
  end

  describe "start_link" do
    test "returns when the program runs; stop when it is dead" do
      daemon = start("exec sleep 100")
      os_pid = Daemon.os_pid(daemon)
      assert os_alive?(os_pid)
      assert Daemon.stop(daemon) == :ok
      refute os_alive?(os_pid)
      assert assert_exit(daemon) == :normal
    end

    test "takes the keyword form" do
      {:ok, daemon} = Daemon.start_link(command: "sleep", args: ["100"], restart: :transient)
      assert %{program: "sleep", args: ["100"]} = Daemon.info(daemon)
      Daemon.stop(daemon)
      {:ok, daemon} = Daemon.start_link(command: "cat")
      assert Daemon.info(daemon).args == []
      Daemon.stop(daemon)
    end

    test "registers every kind of name, once" do
      start_supervised!({Registry, keys: :unique, name: __MODULE__.Registry})

      for name <- [
            __MODULE__.Name,
            {:global, {__MODULE__, 1}},
            {:via, Registry, {__MODULE__.Registry, 1}}
          ] do
        daemon = start("exec sleep 100", name: name)
        assert GenServer.whereis(name) == daemon
        assert Daemon.info(name).name == name

        assert Daemon.start_link("sleep", ["1"], name: name) ==
                 {:error, {:already_started, daemon}}

        assert Daemon.stop(name) == :ok
        assert GenServer.whereis(name) == nil
      end
    end

    test "takes nil for no name, as GenServer does" do
      daemon = start("exec sleep 100", name: nil)
      assert Daemon.info(daemon).name == nil
    end

    test "an unknown program is an error, as in MuonTrap" do
      assert {:error, {:enoent, stack} = reason} = Daemon.start_link("no-such-program", [])
      assert is_list(stack)
      assert_receive {:EXIT, _, ^reason}, 5_000
      message = Exception.format_exit(reason)
      assert message =~ ~s(cannot execute "no-such-program")
      assert {:error, {:enoent, _}} = Daemon.start_link("/no/such", [])
    end

    test "what else cannot be started is an error with its stage" do
      assert {:error, %Error{stage: :chdir, reason: :enoent}} =
               Daemon.start_link("true", [], cd: "/no/such")

      assert {:error, %Error{stage: :exec, reason: :eacces}} =
               Daemon.start_link("/etc/passwd", [])

      assert {:error, %Error{stage: :user, reason: :enoent}} =
               Daemon.start_link("true", [], user: "no-such-user")

      assert {:error, %Error{stage: :launcher, reason: :noproc}} =
               Daemon.start_link("true", [], launcher: :nobody)
    end

    test "a program that ends at once is an exit, not a start error" do
      assert {:ok, daemon} = Daemon.start_link("true", [])
      assert assert_exit(daemon) == :normal
    end

    test "a caller that does not trap exits is told by the exit" do
      caller = fn ->
        {Daemon.start_link("sleep", ["1"], nonsense: 1), Process.sleep(:infinity)}
      end

      {pid, monitor} = spawn_monitor(caller)
      assert_receive {:DOWN, ^monitor, _, ^pid, {%ArgumentError{}, _}}, 5_000
    end
  end

  describe "wrong options" do
    @wrong [
      {[nonsense: 1], "invalid option :nonsense with value 1"},
      {[timeout: 5], "invalid option :timeout with value 5"},
      {[lines: 80], "invalid option :lines with value 80"},
      {[linger: :wait], "invalid option :linger with value :wait"},
      {[cd: 1], "invalid option :cd with value 1"},
      {[name: "x"], ["option :name: expected an atom, ", " got: \"x\""]},
      {[log_output: :loud], ["option :log_output: expected a level of Logger ", " got: :loud"]},
      {[logger_fun: 1], ["option :logger_fun: expected a function of one argument, ", " got: 1"]},
      {[log_transform: 1], ["option :log_transform: expected a function of one arg", " got: 1"]},
      {[wait_for: 1], ["option :wait_for: expected a function of no arguments, got: 1"]},
      {[ready: :soon], ["option :ready: expected :none, {:output, regex}", " got: :soon"]},
      {[ready_timeout: 0], ["option :ready_timeout: expected milliseconds from 1 ", " got: 0"]},
      {[backoff: 5], ["option :backoff: expected {min, max}, ", " got: 5"]},
      {[backoff: {5, 1}], ["option :backoff: expected ", " min up to max, got: {5, 1}"]},
      {[backoff: [mix: 5]], ["option :backoff: expected ", " got: [mix: 5]"]},
      {[success_exit_codes: [256]], ["option :success_exit_codes: expected ", " got: [256]"]},
      {[exit_status_to_reason: 1], ["option :exit_status_to_reason: expected a function"]},
      {[reload_signal: :foo],
       ["option :reload_signal: expected a signal such as :hup, ", " got: :foo"]},
      {[pause_above: -1], ["option :pause_above: expected a load ", " got: -1"]},
      {[resume_below: 1], ["option :resume_below: expected a load ", " got: 1"]},
      {[pause_above: 1, resume_below: 2], ["option :pause_above and :resume_below: expected"]},
      {[on_output: 1], ["option :on_output: expected a pid, a function of two arg", " got: 1"]},
      {[restart: :always], ["option :restart: expected one of :permanent, ", " got: :always"]},
      {[shutdown: :soon], ["option :shutdown: expected milliseconds, ", " got: :soon"]},
      {[max_restarts: 1], ~s(cannot use "max_restarts" without "backoff")},
      {[stdin: :pipe, input: "x"], ~s(cannot use "input" and "stdin: :pipe")},
      {[cgroup: %{cpu: 1}], "unknown cgroup config field: :cpu"}
    ]

    for {opts, message} <- @wrong do
      test "#{inspect(opts)}" do
        assert {:error, {%ArgumentError{} = error, stack}} =
                 Daemon.start_link("sleep", ["1"], unquote(Macro.escape(opts)))

        assert is_list(stack)
        for part <- List.wrap(unquote(message)), do: assert(error.message =~ part)
      end
    end

    test "arguments as well" do
      for {command, args, opts} <- [{1, [], []}, {"x", :a, []}, {"x", [1], []}, {"x", [], 1}] do
        assert {:error, {%ArgumentError{}, _}} = Daemon.start_link(command, args, opts)
      end

      assert {:error, {%ArgumentError{message: message}, _}} = Daemon.start_link("x\0", [])
      assert message =~ "cannot execute Contained.Daemon.start_link/3 for program with null byte"
      assert {:error, {%ArgumentError{}, _}} = Daemon.start_link(args: [])
    end
  end

  describe "the end of the program" do
    test "is that of the daemon" do
      assert assert_exit(start("exit 0")) == :normal
      assert assert_exit(start("exit 3")) == :error_exit_status
      assert assert_exit(start("kill -9 $$")) == :error_exit_status
      assert assert_exit(start("exit 3", success_exit_codes: [0, 3])) == :normal
    end

    test "gets its reason from a function, which is not asked of success" do
      opts = [exit_status_to_reason: &{:status, &1}]
      assert assert_exit(start("exit 0", opts)) == :normal
      assert assert_exit(start("exit 3", opts)) == {:status, 3}
      assert assert_exit(start("kill -9 $$", opts)) == {:status, 137}
    end

    test "takes its descendants with it" do
      daemon = start("sleep 100 & echo $!; exit 1", lines_to(self()))
      assert_receive {:line, pid}, 5_000
      assert assert_exit(daemon) == :error_exit_status
      refute os_alive?(pid)
    end

    test "loses nothing of its output, not even a last line without an end" do
      daemon = start("seq 20000; printf last", lines_to(self()))
      assert assert_exit(daemon) == :normal
      assert received_lines() == Enum.map(1..20_000, &to_string/1) ++ ["last"]
    end
  end

  describe "readiness" do
    test "is waited for" do
      script = "sleep 0.1; echo up; echo and running; exec sleep 100"
      daemon = start(script, [ready: {:output, ~r/^up$/}] ++ lines_to(self()))
      assert_received {:line, "up"}
      assert %{ready: true, state: :running} = Daemon.info(daemon)
      assert Daemon.await_ready(daemon) == :ok
      Daemon.stop(daemon)
    end

    test "a program that ends before is a start error with what it wrote" do
      assert {:error, %Error{stage: :ready, reason: :exit_status, result: result} = error} =
               Daemon.start_link("sh", ["-c", "echo out; echo err >&2; exit 3"],
                 ready: {:file, "/no/such"},
                 stderr: :capture
               )

      assert %Result{status: 3, stdout: "out\n", stderr: "err\n"} = result

      assert Exception.message(error) ==
               ~s(the daemon did not become ready: "sh": it exited with status 3. ) <>
                 ~S(It wrote: "out\nerr\n")
    end

    test "a program that is not ready in time is dead when the start fails" do
      assert {:error, %Error{stage: :ready, reason: :timeout, result: result}} =
               Daemon.start_link("sh", ["-c", "echo $$; exec sleep 100"],
                 ready: {:file, "/no/such"},
                 ready_timeout: 200
               )

      refute os_alive?(String.trim(result.stdout))
    end

    test "a function that raises fails the start, and says why" do
      assert {:error, %Error{stage: :ready, reason: :check_failed, subject: subject}} =
               Daemon.start_link("sleep", ["100"], ready: fn -> raise "no way" end)

      assert subject =~ "no way"
    end

    test "the daemon answers by its name while its start waits" do
      name = __MODULE__.Waiting
      path = Path.join(tmp_dir(), "ready")

      task =
        Task.async(fn -> Daemon.start_link("sleep", ["100"], name: name, ready: {:file, path}) end)

      eventually(fn -> Process.whereis(name) end)
      eventually(fn -> match?(%{state: :running, ready: false}, Daemon.info(name)) end)
      waiter = Task.async(fn -> Daemon.await_ready(name) end)
      assert Daemon.await_ready(name, 1) == {:error, :timeout}
      File.write!(path, "")
      assert Task.await(waiter) == :ok
      assert {:ok, _} = Task.await(task)
    end

    test "a parent that exits while the start waits takes all with it" do
      test = self()

      parent =
        spawn(fn ->
          Daemon.start_link("sh", ["-c", "echo $$; exec sleep 100"],
            ready: {:file, "/no/such"},
            on_output: test
          )
        end)

      assert_receive {Daemon, daemon, {:output, :stdout, text}}, 5_000
      Process.exit(parent, :kill)
      monitor = Process.monitor(daemon)
      assert_receive {:DOWN, ^monitor, _, _, :killed}, 10_000
      refute os_alive?(String.trim(text))
    end
  end

  describe "wait_for" do
    test "comes before the program, and the start does not wait for it" do
      test = self()

      daemon =
        start("echo started; exec sleep 100",
          wait_for: fn -> send(test, {:waiting, self()}) && receive(do: (:go -> :ok)) end,
          on_output: test
        )

      assert_receive {:waiting, pid}, 5_000
      assert %{state: :waiting, ready: false, os_pid: nil} = Daemon.info(daemon)
      assert Daemon.os_pid(daemon) == :error
      assert Daemon.restart(daemon) == {:error, :not_running}
      refute_received {Daemon, _, {:output, _, _}}
      send(pid, :go)
      assert Daemon.await_ready(daemon) == :ok
      assert_receive {Daemon, ^daemon, {:output, :stdout, "started\n"}}, 5_000
      Daemon.stop(daemon)
    end

    test "that raises is the end of the daemon" do
      daemon = start("exec sleep 100", wait_for: fn -> raise "never" end)
      assert {%RuntimeError{message: "never"}, _} = assert_exit(daemon)
    end

    test "is ended with the daemon" do
      test = self()
      fun = fn -> send(test, {:waiting, self()}) && Process.sleep(:infinity) end
      daemon = start("exec sleep 100", wait_for: fun)
      assert_receive {:waiting, pid}, 5_000
      assert Daemon.stop(daemon) == :ok
      eventually(fn -> not Process.alive?(pid) end)
    end
  end
end
