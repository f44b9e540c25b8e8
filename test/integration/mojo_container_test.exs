defmodule Contained.MojoContainerTest do
  # What the tests of Mojo::IOLoop::ReadWriteProcess::Container show, by their names: events, orphans, files of control
  # groups, members of containers. Nothing is mocked (M8): where something is missing a test is skipped by name.
  use Contained.Case, async: true

  import Contained.Needs

  alias Contained.{Container, Error, Launcher, Result}
  alias Contained.Process, as: Command

  @moduletag :port
  # Supervisors tell of parents that were killed.
  @moduletag :capture_log

  setup ctx do
    launcher = start_supervised!({Launcher, ctx[:launcher] || []})
    %{launcher: launcher, container: container(launcher, ctx[:container] || [])}
  end

  defp container(launcher, opts) do
    own = [name: "box", launcher: launcher, restart: :temporary, subscribers: self()]
    opts = own ++ [poll_interval: 50] ++ opts
    start_supervised!({Container, opts}, id: make_ref())
  end

  # All events of a container that has been stopped.
  defp events(container) do
    receive do
      {:contained, ^container, :stopped, _details} -> []
      {:contained, ^container, event, details} -> [{event, details} | events(container)]
    after
      within(20_000) -> flunk("it has not stopped")
    end
  end

  defp counts(container) do
    container |> events() |> Enum.reject(&guessed?/1) |> Enum.frequencies_by(&elem(&1, 0))
  end

  # Those that are found by looking now and then.
  defp guessed?({_event, details}), do: Map.get(details, :registered) == false

  describe "mojo 06_events" do
    test "a command that nobody asks about: each event once", ctx do
      assert {"hi\n", 0} = Container.cmd(ctx.container, "echo", ["hi"])
      assert :ok = Container.stop(ctx.container)
      assert counts(ctx.container) == %{started: 1, process_joined: 1, process_exited: 1}
    end

    @tag skip: groups_v2(), container: [orphans: true]
    test "the orphan of a bare fork is told once, with its status", ctx do
      assert {"", 0} = Container.cmd(ctx.container, "sh", ["-c", "(sh -c 'exit 5' &)"])
      assert :ok = Container.stop(ctx.container)
      events = events(ctx.container)
      assert [%{exit: {:exited, 5}, program: "sh"}] = for({:orphan_exited, it} <- events, do: it)
      assert length(for {:process_exited, %{registered: true}} <- events, do: 1) == 1
    end

    test "it is not, unless it is asked for", ctx do
      assert {"", 0} = Container.cmd(ctx.container, "sh", ["-c", "(sh -c 'exit 5' &)"])
      assert :ok = Container.stop(ctx.container)
      refute is_map_key(counts(ctx.container), :orphan_exited)
    end
  end

  # It lives until all have been told. Of those between, some may be orphans as well.
  @seven "for i in 1 2 3 4; do (sh -c 'exit 120' &); done; " <>
           "for i in 1 2 3; do ( (sh -c 'sleep 0.1; exit 120' &) & ); done; read x; (sh -c 'exit 6' &)"

  describe "mojo 07_autodetect: seven orphans with status 120," do
    for {name, tags, opts} <- [
          {"by their control group", [skip: groups_v2()], []},
          {"by an init", [skip: isolation()], [pid_isolation: true, cd: "/"]},
          {"by a stub", [launcher: [containment: :best_effort]], []}
        ] do
      @tag tags
      @tag opts: opts
      test "#{name}", ctx do
        opts = [orphans: true] ++ ctx.opts
        {:ok, process} = Container.start(ctx.container, "sh", ["-c", @seven], opts)
        assert length(Enum.uniq(await_orphans(process, 7))) == 7
        refute match?({:orphan_exit, _, {:exited, 120}}, Command.next(process, 50))
        :ok = Command.close_stdin(process)
        assert {:ok, %Result{orphans: orphans}} = Command.await(process)
        assert Enum.all?(orphans, fn {_pid, exit} -> exit in [{:exited, 0}, {:exited, 6}] end)
      end
    end
  end

  defp await_orphans(_process, 0), do: []

  defp await_orphans(process, left) do
    case Command.next(process, within(20_000)) do
      {:orphan_exit, os_pid, {:exited, 120}} -> [os_pid | await_orphans(process, left - 1)]
      {:orphan_exit, _os_pid, {:exited, 0}} -> await_orphans(process, left)
    end
  end

  # $0 marks them all. Each that stays says so.
  @stay ~S"""
  stay() { sh -c 'echo up; sleep 1000; true' "$0" & }
  """

  @trees %{
    "master: five of its own, and as many spawners" =>
      {10, "for i in 1 2 3 4 5; do stay; (stay; wait) & done; wait"},
    "dead master: all above them are dead" => {5, "for i in 1 2 3 4 5; do ( (stay) & ); done"},
    "roulette: some of those above them are dead" =>
      {7, "(stay; stay) & (stay & (stay; stay) &); ( (stay) & (stay; wait) & ) & wait"}
  }

  describe "mojo 07_autodetect: the tree of a" do
    for {name, {staying, script}} <- @trees, opts <- [[], [pid_isolation: true, cd: "/"]] do
      @tag tree: {staying, @stay <> script}, opts: opts
      @tag skip: if(opts == [], do: false, else: isolation())
      test "#{name}#{if opts != [], do: ", in a pid namespace"}", ctx do
        {staying, script} = ctx.tree
        marker = Contained.Proc.marker()
        opts = [stderr: :discard, delay_to_sigkill: 50] ++ ctx.opts
        {:ok, process} = Container.start(ctx.container, "sh", ["-c", script, marker], opts)
        read_lines(process, staying)
        pids = eventually(fn -> all_listed(ctx.container, marker) end, within(20_000))
        assert length(pids) >= staying
        assert :ok = Container.stop(ctx.container)
        refute Enum.any?(pids, &os_alive?/1)
        assert Contained.Proc.marked(marker) == []
      end
    end
  end

  defp read_lines(_process, 0), do: :ok

  defp read_lines(process, lines) do
    {:stdout, data} = Command.next(process, within(20_000))
    read_lines(process, lines - length(String.split(data, "\n")) + 1)
  end

  # Those between come and go.
  defp all_listed(container, marker) do
    pids = Contained.Proc.marked(marker)
    {:ok, listed} = Container.processes(container)
    if pids != [] and pids -- Enum.map(listed, & &1.pid) == [], do: pids
  end

  ## Control groups

  @values [
    memory: 64 * 1024 * 1024,
    memory_high: 32 * 1024 * 1024,
    memory_low: 4096,
    memory_min: 4096,
    oom_group: true,
    cpu: 0.5,
    cpu_weight: 50,
    cpu_idle: true,
    cpu_burst: 10_000,
    pids: 50,
    max_descendants: 7,
    max_depth: 3
  ]

  describe "mojo 10_cgroup" do
    @describetag skip: groups()

    test "every limit is what was written, zero and no limit among them", ctx do
      {:ok, %{limits: known}} = Contained.Cgroup.info(ctx.launcher)

      for {key, value} <- @values, key in known do
        # One of them excludes the other.
        if key == :cpu_idle, do: :ok = Container.set_limits(ctx.container, cpu_weight: 100)
        assert :ok = Container.set_limits(ctx.container, [{key, value}])
        assert {:ok, limits} = Container.limits(ctx.container)
        assert {key, limits[key]} == {key, value}
      end

      for key <- [:pids, :max_descendants],
          key in known,
          {value, read} <- [{0, 0}, {:max, nil}] do
        assert :ok = Container.set_limits(ctx.container, [{key, value}])
        assert {:ok, limits} = Container.limits(ctx.container)
        assert limits[key] == read
      end
    end

    test "files by their names, the group by its path", ctx do
      {:ok, path} = Container.path(ctx.container)
      assert String.ends_with?(path, "/containers/box")
      {:ok, process} = Container.start(ctx.container, "sleep", ["1000"], cgroup_name: "child")
      assert {:ok, below} = Contained.Cgroup.path(process)
      assert below == path <> "/child"
      assert {:ok, text} = Contained.Cgroup.get(process, "cgroup.procs")
      assert text == "#{Command.os_pid(process)}\n"
      assert {:error, %Error{}} = Container.get(ctx.container, "no.such_file")
      assert_raise ArgumentError, fn -> Container.get(ctx.container, "../cgroup.procs") end
      assert_raise ArgumentError, fn -> Container.set(ctx.container, "cgroup.procs", "1") end

      assert {:error, %Error{reason: :ebusy}} =
               Container.start(ctx.container, "true", [], cgroup_name: "child")
    end

    @tag skip: limits(:max_depth)
    test "a file is written and read back", ctx do
      assert :ok = Container.set(ctx.container, "cgroup.max.depth", 0)
      assert {:ok, "0\n"} = Container.get(ctx.container, "cgroup.max.depth")
      assert :ok = Container.set(ctx.container, "cgroup.max.depth", "max")
      assert {:ok, "max\n"} = Container.get(ctx.container, "cgroup.max.depth")
    end
  end

  describe "mojo 11_containers" do
    @tag skip: groups()
    test "belongs, M8: /proc shows the process where the container says it is", ctx do
      {:ok, process} = Container.start(ctx.container, "sleep", ["1000"])
      os_pid = Command.os_pid(process)
      {:ok, path} = Container.path(ctx.container)
      assert Container.member?(ctx.container, os_pid)
      refute Container.member?(ctx.container, String.to_integer(System.pid()))
      [tree, below] = String.split(path, "/contained-", parts: 2)
      assert File.dir?(tree)
      assert File.read!("/proc/#{os_pid}/cgroup") =~ "/contained-" <> below
    end

    @tag skip: limits(:pids)
    test "children: two members, one without its leader, none", ctx do
      :ok = Container.set_limits(ctx.container, pids: 10)
      {:ok, path} = Container.path(ctx.container)
      script = "exec >/dev/null; sleep 1000 & exec sleep 1001"
      {:ok, process} = Container.start(ctx.container, "sh", ["-c", script], linger: :leave)
      eventually(fn -> names(ctx.container) == ["sleep", "sleep"] end)
      assert {:ok, %{pids: %{current: 2}}} = Container.stats(ctx.container)
      :ok = Command.signal(process, :kill, :leader)
      assert {:ok, %Result{left_behind: 1}} = Command.await(process, within(20_000))

      assert eventually(fn ->
               match?({:ok, %{pids: %{current: 1}}}, Container.stats(ctx.container))
             end)

      assert {:ok, [%{name: "sleep", registered: false}]} = Container.processes(ctx.container)
      assert :ok = Container.kill(ctx.container)
      assert :ok = Container.wait(ctx.container, within(10_000))
      refute Container.running?(ctx.container)
      assert {:ok, %{populated: false}} = Container.stats(ctx.container)
      assert :ok = Container.stop(ctx.container)
      refute File.exists?(path)
    end

    @six "echo $$; for i in 1 2 3 4 5; do sleep 1000 & done; echo up; wait"

    defp names(container) do
      {:ok, processes} = Container.processes(container)
      processes |> Enum.map(& &1.name) |> Enum.sort()
    end

    defp six(ctx, opts) do
      {:ok, process} = Container.start(ctx.container, "sh", ["-c", @six], opts)
      [pid, "up", ""] = process |> read_until("up\n") |> String.split("\n")

      eventually(fn ->
        names(ctx.container) == ["sh" | List.duplicate("sleep", 5)] |> Enum.sort()
      end)

      {:ok, processes} = Container.processes(ctx.container)
      assert Enum.count(processes, & &1.registered) == 1
      {process, String.to_integer(pid), processes}
    end

    defp ended(ctx, processes) do
      assert :ok = Container.stop(ctx.container)
      refute Enum.any?(processes, &os_alive?(&1.pid))
    end

    test "no isolation: six members, one of them registered, none is pid 1", ctx do
      {process, pid, processes} = six(ctx, [])
      assert pid == Command.os_pid(process)
      ended(ctx, processes)
    end

    @tag skip: all([isolation(), groups()])
    test "pid isolation: seven members with the init, which is not shown", ctx do
      {process, 2, processes} = six(ctx, pid_isolation: true, cd: "/")
      {:ok, members} = Contained.Cgroup.get(process, "cgroup.procs")
      assert length(String.split(members)) == 7
      ended(ctx, processes)
    end

    @tag skip: isolation()
    test "pid isolation: six members, the program is pid 1", ctx do
      {_process, 1, processes} = six(ctx, pid_isolation: :program, cd: "/")
      ended(ctx, processes)
    end
  end

  describe "mojo 12_mocked_container: what is wrong is said," do
    for {opts, text} <- [
          {[foo: 1], ~r/invalid option :foo with value 1/},
          {[name: "a/b"], ~r/no control group can be called "a\/b"/},
          {[group: "../x"], ~r/invalid value for option :group/},
          {[subreaper: false], ~r/expected true: orphans of a command always stay/},
          {[clean_cgroup: 1], ~r/invalid value for option :clean_cgroup: expected true or false/},
          {[orphans: 1], ~r/invalid value for option :orphans: expected true or false/},
          {[pid_isolation: :maybe], ~r/pid_isolation/},
          {[namespaces: [:moon]], ~r/namespaces/},
          {[limits: [moon: 1]], ~r/invalid value for option :limits/}
        ] do
      @tag wrong: opts, text: text
      test "#{inspect(opts)}", ctx do
        assert_raise ArgumentError, ctx.text, fn -> Container.start_link(ctx.wrong) end
      end
    end

    test "and a process that is none", ctx do
      assert_raise FunctionClauseError, fn -> Container.run_fun(ctx.container, "no function") end

      assert {:error, %Error{stage: :container, reason: :noproc}} =
               Container.run(:nobody, "true", [])

      assert_raise FunctionClauseError, fn -> Container.migrate(ctx.container, 0) end
    end
  end
end
