defmodule Contained.LimitsIntegrationTest do
  # Limits on this machine's kernel: that they hold, that a refused one leaves nothing, and what the
  # result says.
  use Contained.Case, async: false

  import Contained.{Needs, Proc}

  alias Contained.{Cgroup, Error, Launcher}
  alias Contained.Process, as: Command

  @moduletag :port
  @moduletag :modes
  @moduletag timeout: 180_000

  # What kills a payload that wants too much; without it, it would only be slow.
  @no_swap if limits(:swap), do: [], else: [swap: 0]

  setup do
    launcher = start_supervised!({Launcher, []})
    {:ok, info} = Cgroup.info(launcher)
    %{launcher: launcher, tree: info.cgroup}
  end

  defp run(ctx, script, opts) do
    Contained.run("sh", ["-c", script], [launcher: ctx.launcher] ++ opts)
  end

  # Directories of commands' groups, below the launcher's tree in every hierarchy.
  defp groups(tree) do
    name = Path.basename(tree)
    Enum.filter(Path.wildcard("/sys/fs/cgroup/**/#{name}/*/*"), &File.dir?/1)
  end

  ## Memory

  describe "memory" do
    @describetag skip: limits(:memory)

    test "torture 69: too much of it is :oom", ctx do
      limits = [memory: "16M"] ++ @no_swap
      {:ok, result} = Contained.run("tail", ["/dev/zero"], launcher: ctx.launcher, limits: limits)
      assert {result.reason, result.exit} == {:oom, {:signaled, 9, false}}
      assert result.usage.oom_kills >= 1
      assert result.usage.memory_peak in 8_000_000..17_000_000
    end

    test "torture 69: a descendant's end by it is counted", ctx do
      limits = [memory: "16M"] ++ @no_swap
      {:ok, result} = run(ctx, "tail /dev/zero; echo $?", limits: limits, stderr: :discard)
      assert %{reason: :exit, status: 0, stdout: "137\n"} = result
      assert result.usage.oom_kills >= 1
    end

    test "torture 69: SIGKILL by somebody is none", ctx do
      assert {:ok, %{reason: :signal, exit: {:signaled, 9, false}} = result} =
               run(ctx, "kill -9 $$", limits: [memory: "16M"])

      assert Map.get(result.usage, :oom_kills, 0) == 0
    end

    test "cmd/3 and stream/3 say it as they say signals", ctx do
      opts = [launcher: ctx.launcher, limits: [memory: "16M"] ++ @no_swap]
      assert {"", 137} = Contained.cmd("tail", ["/dev/zero"], opts)
      error = catch_error(Enum.to_list(Contained.stream("tail", ["/dev/zero"], opts)))
      assert %Error{reason: :oom, stage: :exit} = error
      assert Exception.message(error) =~ "out of memory"
    end

    test "is shared by a group", ctx do
      limits = [cgroup_group: "shared", group_limits: [memory: "24M"] ++ @no_swap]
      {:ok, result} = run(ctx, "tail /dev/zero & tail /dev/zero; wait", limits)
      assert result.usage.oom_kills >= 1 or result.reason == :oom
    end

    test "torture 70: no swap at all is never refused for want of swap", ctx do
      assert {:ok, %{status: 0}} = run(ctx, ":", limits: [memory: "64M", swap: :max])
    end
  end

  @tag skip: limits([:memory, :oom_group])
  test "torture 69: oom_group kills the whole command", ctx do
    limits = [memory: "16M", oom_group: true] ++ @no_swap
    assert {:ok, %{reason: :oom}} = run(ctx, "tail /dev/zero; echo lived", limits: limits)
  end

  ## Processes

  describe "pids" do
    @describetag skip: limits(:pids)

    test "torture 68: fork fails in the command, and in it alone", ctx do
      script = "for i in 1 2 3 4 5 6 7 8; do sleep 60 & done; wait"
      opts = [limits: [pids: 4], timeout: 5_000, delay_to_sigkill: 50]
      assert {:ok, result} = run(ctx, script, opts)
      assert result.stderr =~ ~r/fork/i
      assert {:ok, %{status: 0}} = run(ctx, "true & wait", [])
    end

    test "torture 3: a fork bomb within 400 is gone within a second", ctx do
      marker = marker()
      opts = [launcher: ctx.launcher, limits: [pids: 400], delay_to_sigkill: 50, stderr: :discard]
      bomb = helper_path("fork_bomb")
      {:ok, process} = Contained.start(bomb, ["2000", "ignore_term", marker], opts)
      eventually(fn -> length(marked(marker)) > 350 end, 20_000)
      {:ok, %{pids: pids}} = Cgroup.stats(process)
      assert pids.current <= 400
      ms = gone_after(marked(marker), fn -> assert :ok = Command.stop(process) end)
      assert marked(marker) == []
      assert ms <= within(1_000)
    end

    test "none at all: the kernel decides about the first", ctx do
      case run(ctx, ":", limits: [pids: 0]) do
        {:ok, %{status: 0}} -> assert info().containment in [:hybrid, :cgroup1]
        {:error, error} -> assert %Error{stage: :fork, reason: :eagain} = error
      end
    end
  end

  ## Processors

  @tag :slow
  @tag skip: limits(:cpu)
  test "cpu: 0.5 is half a core", ctx do
    attempt = fn ->
      {:ok, result} = run(ctx, "while :; do :; done", limits: [cpu: 0.5], timeout: 3_000)
      %{user_us: user, system_us: system, wall_us: wall} = result.usage
      share = (user + system) / wall
      {share >= 0.45 and share <= 0.55, "#{Float.round(share, 3)} of a core"}
    end

    assert Contained.Measure.attempts("cpu: 0.5", 3, attempt)
  end

  @tag skip: limits(:cpus)
  test "cpus: 0 is the first one", ctx do
    script = "grep Cpus_allowed_list /proc/self/status"
    {:ok, result} = run(ctx, script, limits: [cpus: 0])
    assert result.stdout == "Cpus_allowed_list:\t0\n"
  end

  ## What is refused

  describe "a limit that is refused" do
    @describetag skip: groups()

    @refused [
      {:cpus, "4095", :cpus},
      {:io, [{"/dev/nothing", rbps: 1}], :io},
      {:io, [{"4094:1", rbps: 1_000_000}], :io},
      {:hugetlb, [{"3MB", 0}], :hugetlb},
      {:cpu, "0", :cpu}
    ]

    for {key, value, needed} <- @refused do
      @tag skip: limits(needed)
      test "torture 66: #{key}: #{inspect(value)} starts nothing, leaves nothing", ctx do
        file = Path.join(tmp_dir(), "started")
        {:ok, %{status: 0}} = run(ctx, ":", [])
        before = groups(ctx.tree)
        limits = [{unquote(key), unquote(Macro.escape(value))}]
        assert {:error, error} = run(ctx, "touch #{file}", limits: limits)
        assert %Error{stage: :limit, key: unquote(key), subject: unquote("#{key}")} = error
        assert error.reason in [:einval, :enodev, :enoent, :enospc, :erange, :enotsup, :enxio]
        refute File.exists?(file)
        assert groups(ctx.tree) -- before == []
      end
    end

    test "is the first that is; cmd/3 raises its reason", ctx do
      settings = [{"nothing", "nothing.max", "1"}]

      assert {:error, %Error{stage: :limit, key: nil, subject: "nothing.max", reason: :einval}} =
               run(ctx, ":", settings: settings)

      assert :einval ==
               catch_error(Contained.cmd("true", [], launcher: ctx.launcher, settings: settings))
    end
  end

  @all_keys Contained.Limits.keys()
  @values [memory_high: "64M", memory_low: 0, memory_min: 0, oom_group: true, cpu_idle: true] ++
            [memory: "64M", swap: 0, cpu: 1, cpu_weight: 50, cpu_burst: 0, cpus: 0, mems: 0] ++
            [pids: 100, max_descendants: 10, max_depth: 3, io_weight: 100]

  test "torture 65: what does not work here is :enotsup, or is left out and told", ctx do
    works = info().limits
    assert works -- @all_keys == []

    for {key, value} <- @values, key not in works do
      limits = [{key, value}]

      assert {:error, %Error{stage: :limit, reason: :enotsup, key: ^key}} =
               run(ctx, ":", limits: limits)

      opts = [limits: limits, on_unsupported: :ignore]
      assert {:ok, %{status: 0, not_applied: [^key]}} = run(ctx, ":", opts)
    end
  end

  test "M5: what is said to work here does", ctx do
    for {key, value} <- @values, key in info().limits do
      # On v1 swap is a part of memsw, which cannot be less than memory.
      limits = if key == :swap, do: [memory: "64M", swap: value], else: [{key, value}]
      assert {^key, {:ok, %{status: 0, not_applied: []}}} = {key, run(ctx, ":", limits: limits)}
    end
  end

  @tag skip: all([limits(:cpu_weight), containment([:hybrid, :cgroup1])])
  test "torture 67: a value that the kernel clamps is refused", ctx do
    settings = [{"cpu", "cpu.shares", "262145"}]

    assert {:error, %Error{stage: :limit, reason: :erange, subject: "cpu.shares"}} =
             run(ctx, ":", settings: settings)
  end

  @tag skip: all([limits(:max_descendants), root()])
  test "torture 71: groups of its own can be forbidden", ctx do
    script = ~S(cat /proc/self/cgroup | sed -n 's/^0:://p')
    opts = [limits: [max_descendants: 0], launcher: ctx.launcher]
    {:ok, process} = Contained.start("sh", ["-c", script <> "; exec sleep 60"], opts)
    {:ok, path} = Cgroup.path(process)
    assert File.mkdir(Path.join(path, "mine")) == {:error, :eagain}
    Command.stop(process, [])
  end

  ## Raw settings and MuonTrap's forms

  for {name, limit, settings} <- [
        {"v1", :cpu,
         [{"cpu", "cpu.cfs_period_us", "100000"}, {"cpu", "cpu.cfs_quota_us", "50000"}]},
        {"v2", :cpu, [{"cpu", "cpu.max", "50000 100000"}]}
      ] do
    @tag skip: limits(limit)
    test "MuonTrap's settings by the names of #{name} work on both", ctx do
      opts = [cgroup_controllers: ["cpu"], cgroup_sets: unquote(Macro.escape(settings))]
      {:ok, process} = Contained.start("sleep", ["60"], [launcher: ctx.launcher] ++ opts)
      assert {:ok, limits} = Cgroup.limits(process)
      assert limits[:cpu] == 0.5
      Command.stop(process, [])
    end
  end

  @tag skip: limits([:memory, :pids])
  test "MuonTrap's map and path", ctx do
    config = %{memory_max: 33_554_432, pids_max: 10}
    opts = [launcher: ctx.launcher, cgroup: config, cgroup_path: "mt/one"]
    {:ok, process} = Contained.start("sleep", ["60"], opts)
    {:ok, path} = Cgroup.path(process)
    assert String.ends_with?(path, "/mt/one")
    assert {:ok, limits} = Cgroup.limits(process)
    assert {limits[:memory], limits[:pids]} == {33_554_432, 10}
    # A path is in use once at a time.
    assert {:error, %Error{reason: :ebusy}} = Contained.run("true", [], opts)
    Command.stop(process, [])
    assert {:ok, %{status: 0}} = Contained.run("true", [], opts)
  end

  @tag skip: groups()
  test "a group that is kept can be read afterwards, until the launcher ends", ctx do
    opts = [cgroup_group: "kept", cgroup_name: "it", keep_cgroup: true]
    {:ok, %{status: 0}} = run(ctx, ":", opts)
    path = Path.join([ctx.tree, "kept", "it"])
    assert File.exists?(Path.join(path, "cgroup.procs"))
    stop_supervised!(Launcher)
    eventually(fn -> not File.exists?(path) end)
  end

  @tag skip: groups()
  test "torture 76: two launchers use the same names at once", ctx do
    other = start_supervised!({Launcher, []}, id: :other)
    opts = [cgroup_group: "same", cgroup_name: "same", stdin: :null]

    [one, two] =
      for launcher <- [ctx.launcher, other],
          do: elem(Contained.start("sleep", ["60"], [launcher: launcher] ++ opts), 1)

    Command.stop(one, [])
    assert os_alive?(Command.os_pid(two))
    Command.stop(two, [])
  end
end
