defmodule Contained.Options.ContainmentTest do
  # The options about control groups and privileges, and what becomes of them in a start request.
  use ExUnit.Case, async: true

  alias Contained.{Command, Options}

  defp parse(opts), do: Options.parse!(:cmd, opts)

  defp refused(opts, message) do
    assert_raise ArgumentError, message, fn -> Command.new(:cmd, "true", [], opts) end
  end

  defp spec(opts) do
    {:ok, command} = Command.new(:run, "/bin/true", [], opts)
    Map.drop(command.spec, [:program, :args, :stdin, :stdout, :stderr])
  end

  test "every kind of command takes them" do
    for kind <- [:cmd, :shell, :run, :stream, :start] do
      assert Options.parse!(kind, limits: [pids: 1], nice: 5, keep_cgroup: true) ==
               %{limits: [{"pids", "1"}], nice: 5, keep_cgroup: true}
    end
  end

  describe "limits" do
    test "cross the port as text" do
      assert spec(limits: [memory: "64M", cpu: 0.5], group_limits: %{pids: 100}) == %{
               limits: [{"memory", "64M"}, {"cpu", "0.5"}],
               group_limits: [{"pids", "100"}]
             }

      assert spec(limits: []) == %{}
    end

    test "say what is wrong" do
      refused(
        [limits: [memory: -1]],
        ~s(invalid value for option :limits: expected :memory to be bytes, an integer or text ) <>
          ~s(such as "64M", or :max, got: -1)
      )

      refused([limits: [foo: 1]], ~r/^invalid value for option :limits: unknown limit :foo, /)
      refused([group_limits: 1], ~r/^invalid value for option :group_limits: expected a keyword/)
    end
  end

  describe "places" do
    test "a shared group, a name of its own" do
      assert spec(cgroup_group: "web", cgroup_name: "w-1") == %{group: "web", name: "w-1"}
      assert spec(cgroup_group: "a/b/c/d") == %{group: "a/b/c/d"}
    end

    test "as MuonTrap gives them" do
      assert spec(cgroup_base: "web/app") == %{group: "web/app"}
      assert spec(cgroup_path: "web/app/1") == %{group: "web/app", name: "1"}
      assert spec(cgroup_path: "one") == %{name: "one"}
    end

    test "torture 72: names that are none" do
      for option <- [:cgroup_group, :cgroup_name, :cgroup_path, :cgroup_base],
          name <-
            ["../..", "", ".", "..", "/abs", "a\nb", "a\0b", "cgroup.procs", "tasks", :a] ++
              ["a/../../x", "ü", String.duplicate("x", 300)] do
        refused(
          [{option, name}],
          ~r/\Ainvalid value for option #{inspect(option)}: expected .+, got: /s
        )
      end

      refused([cgroup_name: "a/b"], ~r/expected 1 to 64 of/)
      refused([cgroup_group: "a/b/c/d/e"], ~r/expected at most 4 names joined by/)
      refused([cgroup_path: "a/b/c/d/e/f"], ~r/expected at most 5 names joined by/)
    end

    test "two of them" do
      refused(
        [cgroup_path: "a", cgroup_base: "b"],
        "cannot specify both a cgroup_path and a cgroup_base"
      )

      refused(
        [cgroup_path: "a", cgroup_group: "b"],
        ~s(cannot use "cgroup_path" and "cgroup_group")
      )

      refused(
        [cgroup_base: "a", cgroup_group: "b"],
        ~s(cannot use "cgroup_base" and "cgroup_group")
      )
    end
  end

  test "raw settings" do
    settings = [{"memory", "memory.high", "32M"}, {"cpu", "cpu.shares", 512}]

    assert spec(settings: settings) ==
             %{settings: [{"memory", "memory.high", "32M"}, {"cpu", "cpu.shares", "512"}]}

    for wrong <- [
          {"memory", "memory.max", ""},
          {"memory", "memory.max", "1\0"},
          {"memory", "../memory.max", "1"},
          {"cgroup", "cgroup.procs", "0"},
          {"memory", "release_agent", "/bin/sh"},
          {"../memory", "memory.max", "1"},
          {"memory", "memory.max", nil},
          {"memory", "memory.max"}
        ] do
      refused([settings: [wrong]], ~r/\Ainvalid value for option :settings: expected a list of/)
    end
  end

  describe "MuonTrap's map" do
    test "is translated" do
      config = %{
        memory_max: 500_000_000,
        memory_high: :max,
        memory_swap_max: 0,
        memory_oom_group: true,
        cpu_weight: 50,
        pids_max: 10,
        cpuset_cpus: "0"
      }

      assert %{limits: limits, group: "mt"} = spec(cgroup: config, cgroup_base: "mt")

      assert Enum.sort(limits) == [
               {"cpu_weight", "50"},
               {"cpus", "0"},
               {"memory", "500000000"},
               {"memory_high", "max"},
               {"oom_group", "1"},
               {"pids", "10"},
               {"swap", "0"}
             ]
    end

    test "a quota keeps its period" do
      config = %{cpu_max: {50_000, 100_000}}

      assert spec(cgroup: config, cgroup_path: "x") ==
               %{name: "x", settings: [{"cpu", "cpu.max", "50000 100000"}]}

      assert spec(cgroup: %{cpu_max: :max}, cgroup_path: "x").limits == [{"cpu", "max"}]
    end

    test "is refused in its words" do
      refused([cgroup: %{bogus: 1}, cgroup_path: "x"], "unknown cgroup config field: :bogus")

      for {key, value} <-
            [memory_max: -1, memory_max: "500M", cpu_max: {-1, 100}] ++
              [cpu_max: {1, 0}, cpu_idle: 1, pids_max: nil, cpuset_cpus: 0] do
        refused(
          [cgroup: %{key => value}, cgroup_path: "x"],
          "invalid value for #{inspect(key)}: #{inspect(value)}"
        )
      end

      refused(
        [cgroup: %{pids_max: 1}],
        "a :cgroup configuration requires a :cgroup_path or :cgroup_base"
      )
    end

    test "an empty one needs no place" do
      assert spec(cgroup: %{}) == %{}
    end
  end

  describe "MuonTrap's controllers and sets" do
    @sets [{"cpu", "cpu.cfs_period_us", "100000"}, {"cpu", "cpu.cfs_quota_us", "50000"}]

    test "are settings; a controller without one gets a limit that does not limit" do
      opts = [cgroup_controllers: ["cpu", "memory", "cpuacct"], cgroup_sets: @sets]
      assert spec(opts) == %{limits: [{"memory", "max"}], settings: @sets}
      assert spec(cgroup_sets: @sets) == %{settings: @sets}
    end

    test "a controller that is not listed, or that needs a setting" do
      refused(
        [cgroup_controllers: ["memory"], cgroup_sets: @sets],
        ~r/"cpu" of :cgroup_sets is not/
      )

      refused([cgroup_controllers: ["io"]], ~r/"io" of :cgroup_controllers needs a setting/)
      refused([cgroup_controllers: ["../x"]], ~r/expected a list of names of controllers/)
    end
  end

  describe "what a process may use" do
    test "crosses the port as it is" do
      opts = [umask: 0o027, nice: -5, oom_score_adj: 500, no_new_privs: true]
      assert spec(opts) == Map.new(opts)
      assert spec(on_unsupported: :ignore, keep_cgroup: false).on_unsupported == :ignore
    end

    test "ranges" do
      for {option, value} <-
            [umask: 0o1000, umask: -1, nice: 20, nice: -21, nice: 1.0] ++
              [oom_score_adj: 1001, oom_score_adj: -1001, no_new_privs: nil] ++
              [on_unsupported: :warn, keep_cgroup: 1, delegate_cgroup: :yes] do
        refused([{option, value}], ~r/\Ainvalid value for option #{inspect(option)}: expected /)
      end
    end

    test "rlimits" do
      limits = [nofile: 256, core: 0, as: "1G", cpu: {10, :infinity}, nofile: 128]

      assert spec(rlimits: limits).rlimits == [
               {:core, 0, 0},
               {:as, 1_073_741_824, 1_073_741_824},
               {:cpu, 10, :infinity},
               {:nofile, 128, 128}
             ]

      for wrong <-
            [[nofile: {2, 1}], [nofile: {:infinity, 1}], [files: 1], [nofile: -1]] ++
              [[nofile: "1X"], [as: nil], %{nofile: 1}, [:nofile], [as: {1, 2, 3}]] do
        refused(
          [rlimits: wrong],
          ~r/\Ainvalid value for option :rlimits: expected a list such as/
        )
      end
    end

    test "capabilities" do
      changes = [drop: :all, ambient: [:net_bind_service, "cap_net_raw"]]

      assert spec(capabilities: changes).capabilities ==
               %{drop: :all, ambient: ["net_bind_service", "cap_net_raw"]}

      assert spec(capabilities: [drop: [:chown], keep: []]).capabilities ==
               %{drop: ["chown"], keep: []}

      for wrong <- [[drop: :some], [drop: ["a b"]], [gain: [:chown]], :all, [keep: [1]]] do
        refused([capabilities: wrong], ~r/\Ainvalid value for option :capabilities: expected/)
      end
    end
  end

  describe "who" do
    test "names and numbers, under both names" do
      assert parse(uid: "nobody", gid: 0) == %{user: "nobody", group: 0}
      assert parse(user: 1, uid: 2).user == 2
      assert parse(groups: ["audio", 5]).groups == ["audio", 5]
    end

    test "torture 53: what can be no user or group" do
      for option <- [:user, :uid, :group, :gid],
          value <- [-1, 4_294_967_295, "", "a b", "a\0", "a\n", "a,b", "a=b", nil, :root, 1.0] do
        refused([{option, value}], ~r/\Ainvalid value for option #{inspect(option)}: expected a/)
      end

      for value <- [nil, "audio", [-1], ["a,b"], [nil], [1 | 2]] do
        refused([groups: value], ~r/\Ainvalid value for option :groups: expected a list/)
      end
    end

    test "only a user can be given a group" do
      refused([delegate_cgroup: true], ~s(cannot use "delegate_cgroup: true" without "user"))
      refused([delegate_cgroup: true, group: 1], ~r/without "user"/)
    end
  end

  test "the documentation and the type name them" do
    docs = Options.docs(:cmd)

    for name <- ~w(limits cgroup_group cgroup_path user uid rlimits),
        do: assert(docs =~ "`:#{name}`")

    assert Macro.to_string(Options.typespec(:start)) =~ "{:nice, integer}"
  end
end
