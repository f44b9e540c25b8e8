defmodule Contained.LeakTest do
  # After many commands, good and bad, everything is as it was after few.
  use Contained.Case, async: false

  import Contained.Measure

  alias Contained.{Daemon, Launcher, Process}

  @moduletag :port
  @moduletag timeout: 180_000

  # Pages that malloc(3) has got and keeps, stacks that have grown; a leak of one descriptor, one
  # kilobyte or one process per command is thousands of them.
  @rss_kb 1_024
  @vm_bytes 4 * 1024 * 1024

  setup do
    launcher = start_supervised!({Launcher, []})
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    %{launcher: launcher}
  end

  # What must not grow: {exact figures, figures with a tolerance}.
  defp state(launcher) do
    collect_garbage()
    os_pids = os_pids(launcher)

    spares = length(groups(launcher))
    {files, children} = exact(os_pids.worker)

    exact = %{
      # Up to 16 empty groups are kept to serve again, each by a descriptor.
      worker: {files - spares, children},
      too_many_spares: spares > 16,
      guardian: exact(os_pids.guardian),
      vm_files: open_files(System.pid()),
      ports: length(Port.list()),
      processes: length(Elixir.Process.list()),
      ets: length(:ets.all()),
      sessions: length(for %{launcher: ^launcher} <- Contained.info().commands, do: 1)
    }

    {exact, {rss_kb(os_pids.worker), rss_kb(os_pids.guardian), :erlang.memory(:total)}}
  end

  defp exact(os_pid), do: {open_files(os_pid), Enum.sort(children(os_pid))}

  defp groups(launcher) do
    %{cgroup: tree} = Enum.find(Contained.info().launchers, &(&1.pid == launcher))
    for path <- Path.wildcard(tree <> "/*/*"), File.dir?(path), do: Path.relative_to(path, tree)
  end

  defp check(name, launcher, {exact, {worker, guardian, vm}}) do
    eventually(fn -> elem(state(launcher), 0) == exact end, 10_000)
    {_, {worker_now, guardian_now, vm_now}} = state(launcher)

    IO.puts(
      "  after #{name}: worker #{worker} -> #{worker_now} KiB, guardian #{guardian} -> " <>
        "#{guardian_now} KiB, VM #{div(vm, 1024)} -> #{div(vm_now, 1024)} KiB, " <>
        "files #{inspect(elem(exact.worker, 0))}"
    )

    assert worker_now - worker <= @rss_kb
    assert guardian_now - guardian <= @rss_kb
    assert vm_now - vm <= @vm_bytes
  end

  # The first hundreds settle what is made once: stacks, arenas, caches.
  defp settled(launcher, count, concurrency, fun) do
    many(count, concurrency, fun)
    eventually(fn -> children(os_pids(launcher).worker) == [] end)
    # What a command of before still has to clear away, such as the processes that fed it, is not
    # to be taken for what is always there.
    steady(fn -> state(launcher) end, 20, &elem(&1, 0))
  end

  defp many(count, concurrency, fun) do
    options = [max_concurrency: concurrency, timeout: 60_000, ordered: false]
    results = Task.async_stream(1..count, fn n -> fun.(n) end, options)
    assert Enum.frequencies(results) == %{{:ok, :right} => count}
  end

  defp right(result, result), do: :right
  defp right(other, _expected), do: other

  test "D1, M7: 10,000 commands, each with the right status", %{launcher: launcher} do
    fun = fn n ->
      if rem(n, 2) == 0,
        do: right(Contained.cmd("true", [], launcher: launcher), {"", 0}),
        else: right(Contained.cmd("false", [], launcher: launcher), {"", 1})
    end

    before = settled(launcher, 500, 8, fun)
    many(10_000, 8, fun)
    check("10,000 commands", launcher, before)
  end

  test "1,000 that cannot be started", %{launcher: launcher} do
    dir = tmp_dir()
    bad = script(dir, "bad", "#!/no/such/interpreter\n")

    fun = fn n ->
      if rem(n, 2) == 0,
        do: failure("true", [launcher: launcher, cd: "/no/such"], {:chdir, :enoent}),
        else: failure(bad, [launcher: launcher], {:exec, :enoent})
    end

    before = settled(launcher, 200, 4, fun)
    many(1_000, 4, fun)
    check("1,000 failed starts", launcher, before)
  end

  defp failure(program, opts, expected) do
    {:error, error} = Contained.run(program, [], opts)
    right({error.stage, error.reason}, expected)
  end

  test "1,000 that are cut short", %{launcher: launcher} do
    fun = fn n -> cut_short(rem(n, 4), launcher: launcher, delay_to_sigkill: 50) end
    before = settled(launcher, 100, 4, fun)
    many(1_000, 4, fun)
    check("1,000 cut short", launcher, before)
  end

  defp cut_short(0, opts) do
    {_, reason} = Contained.cmd("sleep", ["60"], [timeout: 1] ++ opts)
    right(reason, :timeout)
  end

  defp cut_short(1, opts) do
    right(Enum.take(Contained.stream("yes", [], [lines: 80] ++ opts), 1), ["y"])
  end

  defp cut_short(2, opts) do
    {:ok, process} = Contained.start("sh", ["-c", "setsid sleep 60 & wait"], opts)
    :ok = Process.stop(process)
    {:ok, result} = Process.await(process)
    right(result.reason, :stopped)
  end

  # The owner dies: nobody is told.
  defp cut_short(3, opts) do
    {_, ref} = spawn_monitor(fn -> Contained.start("cat", [], opts) end)
    receive(do: ({:DOWN, ^ref, _, _, reason} -> right(reason, :normal)))
  end

  test "200 with input that they do not take", %{launcher: launcher} do
    input = :binary.copy("x", 1_000_000)
    fun = fn _ -> right(Contained.cmd("true", [], launcher: launcher, input: input), {"", 0}) end
    before = settled(launcher, 50, 4, fun)
    many(200, 4, fun)
    check("200 with input", launcher, before)
  end

  @tag :capture_log
  test "100 crashes of daemons with a log, a lock and a socket", %{launcher: launcher} do
    dir = tmp_dir()
    before = settled(launcher, 10, 2, &crash(&1, dir, launcher))
    many(50, 2, &crash(&1, dir, launcher))
    check("100 crashes of daemons", launcher, before)
  end

  # Its program becomes ready, crashes, and does so again.
  defp crash(number, dir, launcher) do
    Elixir.Process.flag(:trap_exit, true)
    args = ["-c", "#{helper_path("notify")} READY=1 -b; echo crash; exit 3"]
    path = Path.join(dir, "#{number}")
    places = [log_to: {:file, path}, single_instance: path <> ".lock", pidfile: path <> ".pid"]
    policy = [ready: :notify, watchdog: 60_000, backoff: [min: 0, max: 0], max_restarts: 1]
    {:ok, daemon} = Daemon.start_link("sh", args, [launcher: launcher] ++ places ++ policy)
    receive(do: ({:EXIT, ^daemon, reason} -> right(reason, :error_exit_status)))
  end

  test "100 launchers for one command each leave nothing", %{launcher: launcher} do
    fun = fn _ -> right(Contained.cmd("echo", ["x"], launcher: :dedicated), {"x\n", 0}) end
    before = settled(launcher, 10, 4, fun)
    many(100, 4, fun)
    check("100 dedicated launchers", launcher, before)
  end
end
