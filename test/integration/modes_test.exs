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

  defp read_until(process, text, read \\ "") do
    unless String.contains?(read, text) do
      {:stdout, data} = Command.next(process, 20_000)
      read_until(process, text, read <> data)
    end
  end

  # Milliseconds from the stop to the death of the last one.
  defp stopped_within(ms, process, marker) do
    assert marked(marker) != []
    took = gone_after(marked(marker), fn -> assert :ok = Command.stop(process) end)
    assert marked(marker) == []
    assert took <= within(ms), "took #{took} ms"
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
        {process, marker, _pids} = NastyTree.start(launcher: ctx.launcher)
        stopped_within(1_000, process, marker)
        assert {:ok, %{reason: :stopped}} = Command.await(process, 1_000)
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

      test "torture 2: a chain of processes that fork and exit", ctx do
        marker = marker()
        process = start(ctx, helper_path("hopper"), ["60000", "500", marker], linger: :leave)
        read_until(process, "ready\n")
        assert :ok = Command.stop(process)
        eventually(fn -> marked(marker) == [] end, within(1_000))
      end

      test "a fork bomb of 400 that ignores SIGTERM", ctx do
        marker = marker()
        process = start(ctx, helper_path("fork_bomb"), ["400", "ignore_term", marker])
        read_until(process, "ready\n")
        stopped_within(1_000, process, marker)
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
          marker = marker()
          script = "read -r group; " <> unquote(make) <> "\n" <> @enter_own
          process = start(ctx, "sh", ["-c", script, marker, helper_path("ignore_term")])
          {:ok, path} = Cgroup.path(process)
          Command.write(process, path <> "\n")
          read_until(process, "made\n")
          assert length(marked(marker)) == 3
          stopped_within(1_000, process, marker)
          refute File.exists?(path)
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

      test "D3: the worker is killed", ctx do
        {_process, marker, pids} = NastyTree.start(launcher: ctx.launcher)
        info = launcher_info(ctx.launcher)
        assert gone_after(pids, fn -> kill("KILL", info.os_pids.worker) end) <= within(1_000)
        assert marked(marker) == []
      end

      test "D3: the guardian is killed", ctx do
        {_process, marker, pids} = NastyTree.start(launcher: ctx.launcher)
        info = launcher_info(ctx.launcher)
        assert gone_after(pids, fn -> kill("KILL", info.os_pids.guardian) end) <= within(1_000)
        assert marked(marker) == []
      end

      test "the owner is killed", ctx do
        test = self()

        {owner, monitor} =
          spawn_monitor(fn ->
            send(test, {:tree, NastyTree.start(launcher: ctx.launcher)})
            Process.sleep(:infinity)
          end)

        assert_receive {:tree, {_process, marker, pids}}, 20_000
        assert gone_after(pids, fn -> Process.exit(owner, :kill) end) <= within(1_500)
        assert_receive {:DOWN, ^monitor, _, _, _}
        assert marked(marker) == []
      end

      test "50 at once start, and end with their launcher", ctx do
        marker = marker()
        script = ["-c", "setsid sleep 300 & exec sleep 301", marker]
        processes = for _ <- 1..50, do: start(ctx, "sh", script)
        pids = Enum.map(processes, &Command.os_pid/1)
        assert Enum.all?(pids, &os_alive?/1)
        info = launcher_info(ctx.launcher)
        stop_supervised!(Launcher)
        refute Enum.any?(pids, &os_alive?/1)
        unless info.cgroup == "", do: refute(File.exists?(info.cgroup))
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
