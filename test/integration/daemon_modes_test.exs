defmodule Contained.DaemonModesTest do
  # A daemon by every kind of containment that this machine has.
  use Contained.Case, async: false

  import Contained.Proc

  alias Contained.{Cgroup, Daemon, Launcher}

  @moduletag :port
  @moduletag :modes
  @moduletag :capture_log
  @moduletag timeout: 120_000

  # As in modes_test.exs.
  @kinds if System.get_env("CONTAINED_VM"),
           do: [elem(Cgroup.info(), 1).containment],
           else: [:cgroup2, :hybrid, :cgroup1, :best_effort]

  available = fn kind ->
    {:ok, launcher} = Launcher.start_link(containment: kind)
    answer = Contained.run("true", [], launcher: launcher)
    GenServer.stop(launcher)
    if match?({:ok, %{status: 0}}, answer), do: false, else: "needs #{kind}"
  end

  @available Map.new(@kinds, &{&1, available.(&1)})

  setup %{kind: kind} do
    Process.flag(:trap_exit, true)
    %{launcher: start_supervised!({Launcher, containment: kind}), dir: tmp_dir()}
  end

  @generation """
  trap '' TERM
  for pid in $(cat "$0/alive" 2>/dev/null); do
    if read -r _ _ state _ 2>/dev/null </proc/$pid/stat && [ "$state" != Z ]; then
      echo "overlap $pid $state" >>"$0/log"
    fi
  done
  setsid sleep 1000 &
  echo $$ $! >"$0/alive"
  echo run >>"$0/log"
  echo up
  while :; do echo x; sleep 0.05; done
  """

  defp options(ctx) do
    opts = [launcher: ctx.launcher, delay_to_sigkill: 50, ready: {:output, ~r/up/}]
    [command: "sh", args: ["-c", @generation, ctx.dir]] ++ opts
  end

  defp start(ctx, more \\ []) do
    {:ok, daemon} = Daemon.start_link(options(ctx) ++ more)
    daemon
  end

  defp runs(ctx), do: ctx.dir |> Path.join("log") |> File.read!() |> String.split()

  defp alive(ctx) do
    ctx.dir |> Path.join("alive") |> File.read!() |> String.split() |> Enum.filter(&os_alive?/1)
  end

  for kind <- @kinds do
    describe "#{kind}" do
      @describetag kind: kind
      @describetag skip: @available[kind]

      test "#{kind}: restart and stop leave nothing of the last generation", ctx do
        daemon = start(ctx)
        assert Daemon.restart(daemon) == :ok
        assert runs(ctx) == ["run", "run"]
        assert length(alive(ctx)) == 2
        assert Daemon.stop(daemon) == :ok
        assert alive(ctx) == []
      end

      test "#{kind}: a daemon that is killed is followed without overlap", ctx do
        daemon = start(ctx)
        Process.exit(daemon, :kill)
        assert_receive {:EXIT, ^daemon, :killed}, 5_000
        daemon = start(ctx)
        assert runs(ctx) == ["run", "run"]
        assert Daemon.stop(daemon) == :ok
        assert alive(ctx) == []
      end

      test "#{kind}: pause and resume", ctx do
        daemon = start(ctx, on_output: self())
        assert Daemon.pause(daemon) == :ok
        before = settled(daemon)
        assert Daemon.resume(daemon) == :ok
        eventually(fn -> count(daemon) > before end, 20_000)
        assert Daemon.pause(daemon) == :ok
        assert Daemon.stop(daemon) == :ok
        assert alive(ctx) == []
      end

      test "#{kind}: a port program that is killed is followed without overlap", ctx do
        daemon = start(ctx)
        kill("KILL", launcher_info(ctx.launcher).os_pids.worker)
        eventually(fn -> length(runs(ctx)) >= 2 end, 30_000)
        assert runs(ctx) == ["run", "run"]
        assert Daemon.stop(daemon) == :ok
        assert alive(ctx) == []
      end
    end
  end

  defp count(daemon), do: Daemon.statistics(daemon).output_byte_count

  # A program that is paused has a count that stays; it writes every 50 ms otherwise.
  defp settled(daemon), do: steady(fn -> count(daemon) end, 100)
end
