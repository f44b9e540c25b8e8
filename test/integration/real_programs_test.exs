defmodule Contained.RealProgramsTest do
  # Daemons as people run them, installed by scripts/setup.
  use Contained.Case, async: false

  alias Contained.{Daemon, Needs}
  alias Contained.RealPrograms.{Http, Postgres, Redis}

  @moduletag :port
  @moduletag :capture_log

  defp supervise(children, opts \\ []) do
    opts = Keyword.merge([strategy: :one_for_one, max_restarts: 1_000], opts)
    start_supervised!(%{id: make_ref(), start: {Supervisor, :start_link, [children, opts]}})
  end

  defp free_port do
    {:ok, listener} = :gen_tcp.listen(0, ip: {127, 0, 0, 1}, reuseaddr: true)
    {:ok, port} = :inet.port(listener)
    :gen_tcp.close(listener)
    port
  end

  # A program that is not ready by then is none on this machine.
  defp patience, do: within(60_000)

  describe "Redis" do
    @describetag skip: Needs.program("redis-server")

    test "is ready when it listens, answers, and is gone when it has been stopped" do
      port = free_port()
      redis = Redis.child(tmp_dir(), port: port, ready: {:tcp, port}, ready_timeout: patience())
      supervisor = supervise([redis])
      assert Redis.ask(port, "PING") == "+PONG"

      :ok = Supervisor.terminate_child(supervisor, :redis)
      assert {:error, :econnrefused} = :gen_tcp.connect({127, 0, 0, 1}, port, [])
    end

    test "is ready when it says so, and keeps what it has when it is stopped and started" do
      {dir, port} = {tmp_dir(), free_port()}
      opts = [ready: {:output, ~r/Ready to accept connections/}, ready_timeout: patience()]
      supervisor = supervise([Redis.child(dir, [port: port, delay_to_sigkill: 20_000] ++ opts)])
      assert Redis.ask(port, "SET key value") == "+OK"

      :ok = Supervisor.terminate_child(supervisor, :redis)
      {:ok, _pid} = Supervisor.restart_child(supervisor, :redis)
      assert Redis.ask(port, "STRLEN key") == ":5"
    end

    test "that cannot have its port is an error of the start, with what it said" do
      {:ok, listener} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
      {:ok, port} = :inet.port(listener)
      ready = {:output, ~r/Ready to accept connections/}
      redis = Redis.child(tmp_dir(), port: port, ready: ready, ready_timeout: patience())
      Process.flag(:trap_exit, true)
      assert {:error, reason} = Supervisor.start_link([redis], strategy: :one_for_one)

      assert inspect(reason, limit: :infinity, printable_limit: :infinity) =~
               "Address already in use"

      :gen_tcp.close(listener)
    end
  end

  describe "nginx" do
    @describetag skip: Needs.program("nginx")

    test "serves, takes a new configuration by SIGHUP, and leaves no worker" do
      {dir, port} = {tmp_dir(), free_port()}
      Http.configure(dir, port, "one")
      supervisor = supervise([Http.nginx(dir, port, patience())])
      assert Http.get(port) == "one"
      [{:nginx, daemon, _, _}] = Supervisor.which_children(supervisor)
      {:ok, before} = Daemon.processes(daemon)
      assert length(before) > 1

      Http.configure(dir, port, "two")
      :ok = Daemon.reload(daemon)
      eventually(fn -> Http.get(port) == "two" end, patience())
      {:ok, reloaded} = Daemon.processes(daemon)

      :ok = Supervisor.terminate_child(supervisor, :nginx)
      for %{pid: pid} <- before ++ reloaded, do: refute(os_alive?(pid))
    end
  end

  describe "PostgreSQL" do
    @describetag skip: Needs.all([Needs.root(), Postgres.needed()])
    @describetag timeout: 600_000

    # Every third time it is killed with all that is in its memory, and has to recover. The next one
    # would refuse to start while anything of the last is alive.
    test "has all that was committed after fifty restarts, in order and not" do
      dir = Postgres.init(tmp_dir())
      supervisor = supervise([Postgres.child(dir, patience())])
      Postgres.query(dir, "create table numbers (n integer primary key)")

      for n <- 1..50 do
        Postgres.query(dir, "insert into numbers values (#{n})")
        if rem(n, 3) == 0, do: crash(supervisor), else: restart(supervisor)
      end

      assert Postgres.query(dir, "select count(*), sum(n) from numbers") == "50|1275"
      :ok = Supervisor.terminate_child(supervisor, :postgres)
      assert Postgres.state(dir) == "shut down"
    end

    defp restart(supervisor) do
      :ok = Supervisor.terminate_child(supervisor, :postgres)
      {:ok, _pid} = Supervisor.restart_child(supervisor, :postgres)
    end

    defp crash(supervisor) do
      daemon = Postgres.daemon(supervisor)
      :ok = Daemon.signal(daemon, :kill)

      eventually(
        fn ->
          now = Postgres.daemon(supervisor)
          is_pid(now) and now != daemon
        end,
        patience()
      )
    end
  end
end
