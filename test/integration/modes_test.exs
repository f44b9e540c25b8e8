defmodule Contained.ModesTest do
  # The promise, that nothing outlives its command, by every kind of containment that this machine
  # has: each is forced upon a launcher of its own.
  use Contained.Case, async: false

  import Contained.Proc

  alias Contained.{Cgroup, Error, Launcher, NastyTree, Stuck}
  alias Contained.Process, as: Command

  @moduletag :port
  @moduletag :modes
  @moduletag timeout: 120_000

  # In the test VM the kind that each of its legs is there for; the others are those of other legs.
  @kinds if System.get_env("CONTAINED_VM"),
           do: [elem(Cgroup.info(), 1).containment],
           else: [:cgroup2, :hybrid, :cgroup1, :best_effort]

  # Whether a launcher of that kind can run a command here: false, else why not, for `skip:`.
  available = fn kind ->
    {:ok, launcher} = Launcher.start_link(containment: kind)
    answer = Contained.run("true", [], launcher: launcher)
    GenServer.stop(launcher)

    case answer do
      {:ok, %{status: 0}} -> false
      {:error, error} -> "needs #{kind}: #{Exception.message(error)}"
      {:ok, %{reason: reason}} -> "needs #{kind}: #{reason}"
    end
  end

  @available Map.new(@kinds, &{&1, available.(&1)})

  setup %{kind: kind} do
    %{launcher: start_supervised!({Launcher, containment: kind})}
  end

  defp start(ctx, program, args, opts \\ []) do
    opts = [launcher: ctx.launcher, delay_to_sigkill: 50, stderr: :discard] ++ opts
    {:ok, process} = Contained.start(program, args, opts)
    process
  end

  # A run that takes longer than `ms` is repeated, for the machine may be busy.
  defp promptly(what, ms, run) do
    within(what, [median: within(ms), max: within(ms)], 1, run)
  end

  # Milliseconds from the stop to the death of the last one.
  defp stop(process, marker) do
    pids = marked(marker)
    assert pids != []
    ms = gone_after(pids, fn -> assert :ok = Command.stop(process) end)
    assert marked(marker) == []
    ms
  end

  defp tree_after(ctx, event) do
    {process, marker, pids} = NastyTree.start(launcher: ctx.launcher)
    ms = gone_after(pids, fn -> event.(process) end)
    assert marked(marker) == []
    ms
  end

  defp stop_tree(process) do
    assert :ok = Command.stop(process)
    assert {:ok, %{reason: :stopped}} = Command.await(process, 1_000)
  end

  defp kill_one(ctx, which), do: kill("KILL", launcher_info(ctx.launcher).os_pids[which])

  defp orphaned(ctx) do
    test = self()
    {owner, monitor} = spawn_monitor(fn -> own_tree(test, ctx.launcher) end)
    assert_receive {:tree, {_process, marker, pids}}, 20_000
    ms = gone_after(pids, fn -> Process.exit(owner, :kill) end)
    assert_receive {:DOWN, ^monitor, _, _, _}
    assert marked(marker) == []
    ms
  end

  defp own_tree(test, launcher) do
    send(test, {:tree, NastyTree.start(launcher: launcher)})
    Process.sleep(:infinity)
  end

  defp bomb(ctx) do
    marker = marker()
    process = start(ctx, helper_path("fork_bomb"), ["400", "ignore_term", marker])
    read_until(process, "ready\n")
    stop(process, marker)
  end

  # Threaded groups, which v1 has not, and domains cannot be side by side (cgroup-v2.rst, "Threads").
  @own_groups %{
    "nested" => ~S(mkdir -p "$group/own/deep"),
    "threaded" =>
      ~S(mkdir -p "$group/own/deep"; [ ! -e "$group/own/cgroup.type" ] || ) <>
        ~S(for own in own own/deep; do echo threaded >"$group/$own/cgroup.type"; done)
  }

  @enter_own """
  for own in own own/deep; do
    "$1" $0 >/dev/null &
    echo $! >"$group/$own/cgroup.procs" || exit
  done
  echo made
  wait
  """

  defp own_groups(ctx, make) do
    marker = marker()
    args = ["-c", "read -r group; " <> make <> "\n" <> @enter_own, marker]
    process = start(ctx, "sh", args ++ [helper_path("ignore_term")])
    {:ok, path} = Cgroup.path(process)
    Command.write(process, path <> "\n")
    read_until(process, "made\n")
    # One that is about to be executed has no arguments for a moment.
    eventually(fn -> length(marked(marker)) == 3 end, within(10_000))
    ms = stop(process, marker)
    refute File.exists?(path)
    ms
  end

  defp start_first(ctx) do
    {"", 0} = Contained.cmd("true", [], launcher: ctx.launcher)
    launcher_info(ctx.launcher)
  end

  defp remove_forever(tree) do
    for path <- Path.wildcard(tree <> "/*/*/"), do: File.rmdir(path)
    remove_forever(tree)
  end

  for kind <- @kinds do
    describe "#{kind}" do
      @describetag kind: kind
      @describetag skip: @available[kind]

      test "is what the launcher says", ctx do
        assert {:ok, %{containment: unquote(kind)}} = Cgroup.info(ctx.launcher)
      end

      test "a command runs, with output, input and status", ctx do
        opts = [launcher: ctx.launcher, input: "abc"]
        assert Contained.cmd("sh", ["-c", "cat; exit 7"], opts) == {"abc", 7}
        assert {:ok, result} = Contained.run("sh", ["-c", "echo err >&2; kill -9 $$"], opts)

        assert {result.stderr, result.exit, result.reason} ==
                 {"err\n", {:signaled, 9, false}, :signal}

        assert {:error, %Error{stage: :exec}} = Contained.run("/nowhere", [], opts)
      end

      test "torture 31: all exit codes and signals come as they are", ctx do
        for code <- [0, 1, 127, 128, 137, 255] do
          args = ["-c", "exit #{code}"]

          assert {:ok, %{exit: {:exited, ^code}}} =
                   Contained.run("sh", args, launcher: ctx.launcher)
        end

        for number <- [1, 2, 6, 11, 15, 34, 64] do
          args = ["-c", "kill -#{number} $$"]
          opts = [launcher: ctx.launcher, rlimits: [core: 0]]
          assert {:ok, result} = Contained.run("sh", args, opts)
          assert {:signaled, ^number, _core} = result.exit
        end
      end

      test "torture 1, 5, 6, 8, 9, 27: a nasty tree is gone within a second", ctx do
        promptly("stop of a nasty tree", 1_000, fn -> tree_after(ctx, &stop_tree/1) end)
      end

      test "D4, M3: a timeout leaves nobody", ctx do
        marker = marker()
        args = NastyTree.args(marker)
        opts = [launcher: ctx.launcher, timeout: 500, delay_to_sigkill: 50]
        assert {_output, :timeout} = Contained.cmd("sh", args, opts)
        assert marked(marker) == []
      end

      test "torture 1: what is left behind is counted and killed", ctx do
        marker = marker()
        script = ~S(setsid "$1" $0 >/dev/null 2>&1 & sleep 0.1; echo done)
        args = ["-c", script, marker, helper_path("ignore_term")]
        {:ok, result} = Contained.run("sh", args, launcher: ctx.launcher)
        assert {result.stdout, result.exit} == {"done\n", {:exited, 0}}
        assert result.left_behind >= 1
        assert marked(marker) == []
      end

      test "mojo 07: orphans are told with their status, or the command is refused", ctx do
        opts = [launcher: ctx.launcher, orphans: true]

        case Contained.run("sh", ["-c", "(sh -c 'exit 120' &)"], opts) do
          {:ok, result} -> assert {:exited, 120} in Enum.map(result.orphans, &elem(&1, 1))
          {:error, error} -> assert {error.reason, unquote(kind)} == {:enotsup, :cgroup1}
        end
      end

      test "torture 2: a chain of processes that fork and exit", ctx do
        marker = marker()
        process = start(ctx, helper_path("hopper"), ["60000", "500", marker], linger: :leave)
        read_until(process, "ready\n")
        assert :ok = Command.stop(process)
        eventually(fn -> marked(marker) == [] end, within(1_000))
      end

      test "a fork bomb of 400 that ignores SIGTERM", ctx do
        promptly("stop of 400", 1_000, fn -> bomb(ctx) end)
      end

      test "torture 16: a leader whose main thread has ended is alive", ctx do
        process = start(ctx, helper_path("zombie_leader"), ["9"])
        read_until(process, "ready\n")
        assert {:error, :timeout} = Command.next(process, 200)
        Command.close_stdin(process)
        assert {:ok, %{exit: {:exited, 9}}} = Command.await(process, 5_000)
      end

      test "M1: what the first instruction forks is caught", ctx do
        for _ <- 1..20 do
          marker = marker()
          args = ["ignore_term", marker]
          opts = [launcher: ctx.launcher, stderr: :discard, delay_to_sigkill: 10, timeout: 50]
          Contained.cmd(helper_path("daemonize"), args, opts)
          assert marked(marker) == []
        end
      end

      for {what, make} <- @own_groups do
        @tag skip: kind == :best_effort && "needs control groups"
        test "torture 20: #{what} groups that a command makes go with it", ctx do
          make = unquote(make)
          promptly("stop of groups", 1_000, fn -> own_groups(ctx, make) end)
        end
      end

      @tag skip: kind == :best_effort && "needs control groups"
      test "torture 24: groups that somebody else removes are made again", ctx do
        %{cgroup: tree} = start_first(ctx)
        # Those that wait for the next command, and then all there is.
        for removed <- ["/*/*/", "/**/"] do
          (tree <> removed) |> Path.wildcard() |> Enum.reverse() |> Enum.each(&File.rmdir/1)
          File.rmdir(tree)
          assert {"", 0} = Contained.cmd("true", [], launcher: ctx.launcher)
        end
      end

      @tag skip: kind == :best_effort && "needs control groups"
      test "torture 24: or they are missed, with an error", ctx do
        %{cgroup: tree} = start_first(ctx)
        remover = spawn_link(fn -> remove_forever(tree) end)

        for _ <- 1..20 do
          case Contained.run("true", [], launcher: ctx.launcher) do
            {:ok, result} -> assert result.status == 0
            {:error, error} -> assert %Error{stage: :cgroup} = error
          end
        end

        Process.unlink(remover)
        Process.exit(remover, :kill)
        assert {"", 0} = Contained.cmd("true", [], launcher: ctx.launcher)
      end

      @tag skip: Stuck.needs()
      test "torture 11, 12: what SIGKILL does not reach is told, and killed when it can be",
           ctx do
        marker = marker()
        stuck = Stuck.start(marker, launcher: ctx.launcher, delay_to_sigkill: 50)
        begin = now()
        assert :ok = Command.stop(stuck.process)
        assert now() - begin >= 5_000
        assert {:ok, %{reason: :stopped, unkilled: 1}} = Command.await(stuck.process, 1_000)
        assert [_] = marked(marker)
        assert {"x\n", 0} = Contained.cmd("echo", ["x"], launcher: ctx.launcher)
        Stuck.release(stuck)
        eventually(fn -> marked(marker) == [] end, 20_000)
        unless unquote(kind) == :best_effort, do: assert_program_idle(launcher_info(ctx.launcher))
      end

      for which <- [:worker, :guardian] do
        test "D3: the #{which} is killed", ctx do
          event = fn _process -> kill_one(ctx, unquote(which)) end
          promptly("#{unquote(which)} killed", 1_000, fn -> tree_after(ctx, event) end)
        end
      end

      test "the owner is killed", ctx do
        promptly("owner killed", 1_500, fn -> orphaned(ctx) end)
      end

      test "50 at once start, and end with their launcher", ctx do
        marker = marker()
        script = ["-c", "setsid sleep 300 & exec sleep 301", marker]
        processes = for _ <- 1..50, do: start(ctx, "sh", script)
        pids = Enum.map(processes, &Command.os_pid/1)
        assert Enum.all?(pids, &os_alive?/1)
        info = launcher_info(ctx.launcher)
        stop_supervised!(Launcher)
        eventually(fn -> not Enum.any?(pids, &os_alive?/1) end)
        unless info.cgroup == "", do: eventually(fn -> not File.exists?(info.cgroup) end)
      end
    end
  end

  @tag kind: :required
  test "required: is any but best effort, or an error", ctx do
    case Contained.run("true", [], launcher: ctx.launcher) do
      {:ok, %{status: 0}} ->
        assert {:ok, %{containment: kind}} = Cgroup.info(ctx.launcher)
        assert kind in [:cgroup2, :hybrid, :cgroup1]

      {:error, error} ->
        assert %Error{stage: :cgroup} = error
        assert {:ok, %{containment: :best_effort}} = Cgroup.info()
    end
  end

  @tag kind: :auto
  test "M6: auto is the best of those that can be had", ctx do
    assert {:ok, %{containment: kind}} = Cgroup.info(ctx.launcher)
    # Where v1 controllers are mounted beside v2, one can still do without them.
    best = [:hybrid, :cgroup2, :cgroup1, :best_effort]
    assert kind == Enum.find(best, &(@available[&1] == false))
  end
end
