defmodule Contained.SinksTest do
  # What a daemon's output goes to without passing the VM: nothing is lost, twice or out of order.
  use Contained.Case, async: false

  import Contained.LogSinks
  import Contained.Proc, only: [kill: 2, launcher_info: 1, marked: 1, assert_program_gone: 1]

  alias Contained.Daemon.Sinks
  alias Contained.{Launcher, Session, VM}

  @moduletag :port
  @moduletag timeout: 300_000

  setup do
    dir = tmp_dir()
    {:ok, dir: dir, log: Path.join(dir, "app.log")}
  end

  # The old files in their order, and the last.
  defp files(log) do
    old = for path <- Path.wildcard(log <> ".*"), do: {number(path), path}
    Enum.map(Enum.sort(old), &elem(&1, 1)) ++ [log]
  end

  defp number(path), do: path |> String.split(".") |> List.last() |> String.to_integer()

  defp text(log), do: log |> files() |> Enum.map_join(&File.read!/1)

  defp hash(script, args) do
    {sum, 0} = System.cmd("sh", ["-c", "{ #{script}; } | sha256sum", "sh" | args])
    sum
  end

  defp reductions(pid), do: pid |> Process.info(:reductions) |> elem(1)

  defp await_end(process), do: {:ended, _} = Session.next(process, 120_000)

  defp sink(sinks), do: Enum.find(Map.values(sinks.parts), &(&1.role == :sink))

  test "D10: a flood of lines is complete over rotations, and costs the VM nothing", %{log: log} do
    lines = 12_000_000
    {sinks, streams} = open!({:file, log, rotate: [size: "16M"]})
    launcher = Process.whereis(Launcher)
    before = reductions(launcher) + reductions(self())
    await_end(start!(streams, "seq -f %.0f 1 #{lines}", [], %{timeout: 120_000}))
    # Counts come once a second, whatever the bytes.
    assert reductions(launcher) + reductions(self()) - before < 100_000
    :ok = Sinks.close(sinks)

    assert length(files(log)) > 5
    assert hash("cat \"$@\"", files(log)) == hash("seq -f %.0f 1 #{lines}", [])
  end

  test "a sink that is killed loses only what it had read, and is started again", %{log: log} do
    {sinks, streams} = open!({:file, log})
    process = start!(streams, "while read line; do echo $line; done", [], %{stdin: :pipe})
    Session.write(process, 0, "one\n")
    eventually(fn -> File.read!(log) == "one\n" end, 30_000)
    kill("KILL", sink(sinks).os_pid)
    Session.write(process, 0, "two\nthree\n")

    {sinks, told} = until(sinks, fn sinks, told -> told != [] and sink(sinks).os_pid != nil end)
    assert [{:report, %{event: :died, role: :sink, status: {:signaled, 9, _}}}] = told
    eventually(fn -> File.read!(log) == "one\ntwo\nthree\n" end, 30_000)
    assert Sinks.statistics(sinks).sink_restarts == 1
    Session.stop(process, [])
    assert close(sinks) == []
  end

  test "killed in the midst of a flood it leaves one gap, and nothing comes twice", %{log: log} do
    {sinks, streams} = open!({:file, log})
    process = start!(streams, "seq 1 1000000")
    eventually(fn -> File.stat!(log).size > 0 end, 30_000)
    kill("KILL", sink(sinks).os_pid)
    {sinks, _told} = until(sinks, fn sinks, told -> told != [] and sink(sinks).os_pid != nil end)
    await_end(process)
    :ok = Sinks.close(sinks)

    # One gap, no longer than what is read at once.
    written = File.read!(log)
    all = Enum.map_join(1..1_000_000, &"#{&1}\n")
    before = :binary.longest_common_prefix([written, all])
    behind = :binary.longest_common_suffix([written, all])
    assert before + behind >= byte_size(written)
    assert byte_size(all) - byte_size(written) <= 262_144
  end

  test "a log command is started again when it dies, and has the last words", %{
    dir: dir,
    log: log
  } do
    one_line = {:command, "sh", ["-c", "read line && echo $line >> #{log}; exit 3"], [cd: dir]}
    {sinks, streams} = open!(one_line)
    process = start!(streams, "trap 'echo bye; exit' TERM; seq 1 5; while :; do sleep 0.01; done")

    {sinks, told} =
      until(sinks, fn _, told -> length(told) == 5 and File.read!(log) == "1\n2\n3\n4\n5\n" end)

    assert {:report, %{event: :died, role: :command, status: {:exited, 3}}} = hd(told)
    Session.stop(process, :default)
    :ok = Sinks.close(sinks)
    assert File.read!(log) == "1\n2\n3\n4\n5\nbye\n"
  end

  test "several at once, the daemon too", %{dir: dir, log: log} do
    copy = Path.join(dir, "copy")

    {sinks, %{stdout: {:link, _}} = streams} =
      open!([{:file, log, timestamp: :utc}, {:command, "tee", [copy], []}, :logger])

    await_end(start!(streams, "echo one; echo two >&2; printf three", [], %{stderr: :stdout}))
    told = close(sinks)
    assert for({:output, data} <- told, into: "", do: data) == "one\ntwo\nthree"
    assert File.read!(copy) == "one\ntwo\nthree"

    assert File.read!(log) =~
             ~r/\A(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (one|two|three)\n?){3}\z/
  end

  # Of what the daemon has not taken there is never more than the window and two pipes.
  test "a daemon that does not keep up holds the program back", %{log: log} do
    {sinks, streams} = open!([{:file, log}, :logger], credit: :manual)
    process = start!(streams, "seq 1 1000000")
    window = 1_048_576
    got = fn told -> for({:output, data} <- told, do: byte_size(data)) |> Enum.sum() end
    {sinks, told} = until(sinks, fn _, told -> got.(told) >= window end)
    assert got.(told) == window
    refute_receive {_ref, {:output, 4, _data}}, 50
    assert File.stat!(log).size < 4 * window
    {sinks, more} = until(Sinks.taken(sinks, window), fn _, told -> got.(told) >= window end)
    assert got.(more) > 0
    rest = close(sinks)
    await_end(process)
    assert got.(told) + got.(more) + got.(rest) == File.stat!(log).size
  end

  test "what needs no sink program has none" do
    assert {%{parts: none}, %{stdout: :pipe}} = open!(:logger)
    assert none == %{}
    assert {_sinks, %{stdout: :inherit}} = open!({:fd, 1})
    assert {_sinks, %{stdout: :pipe}} = open!([], tee: true)
    assert {sinks, %{stdout: {:link, _}}} = open!({:command, "cat", [], []})
    assert [%{role: :command}] = Map.values(sinks.parts)
    assert close(sinks) == []
  end

  test "a file that cannot be opened is an error of the start", %{dir: dir} do
    File.ln_s!("/etc/passwd", Path.join(dir, "link"))
    {:ok, specs} = Sinks.parse([{:command, "cat", [], []}, {:file, "link"}])
    assert {:error, error} = Sinks.open(specs, context(cd: dir))
    assert %{stage: :file, reason: :eloop, subject: subject} = error
    assert subject == Path.join(dir, "link")
    assert Exception.message(error) =~ ~s(cannot open "#{subject}": )
    refute_receive _, 20
    {:ok, specs} = Sinks.parse({:command, "/no/such", [], []})
    assert {:error, %{stage: :exec, reason: :enoent}} = Sinks.open(specs, context())
  end

  test "trouble is told once, with what was dropped, and the program goes on", %{dir: dir} do
    sub = Path.join(dir, "sub")
    File.mkdir!(sub)
    {sinks, streams} = open!({:file, Path.join(sub, "a")})
    process = start!(streams, "while read line; do echo $line; done", [], %{stdin: :pipe})
    File.rm_rf!(sub)
    Session.write(process, 0, "lost\nlost too\n")
    {sinks, [{:report, trouble}]} = until(sinks, fn _, told -> told != [] end)
    assert trouble == %{event: :trouble, reason: :enoent, subject: Path.join(sub, "a")}

    {sinks, []} = until(sinks, fn sinks, _ -> Sinks.statistics(sinks).sink_dropped == 14 end)
    Session.stop(process, [])
    assert [{:report, %{event: :over, dropped: 14}}] = close(sinks)
  end

  test "D12: reopen, as after a logrotate", %{log: log} do
    {sinks, streams} = open!({:file, log})
    process = start!(streams, "while read line; do echo $line; done", [], %{stdin: :pipe})
    Session.write(process, 0, "old\n")
    eventually(fn -> File.read!(log) == "old\n" end, 30_000)
    File.rename!(log, log <> ".1")
    Sinks.reopen(sinks)
    eventually(fn -> File.exists?(log) end, 30_000)
    Session.write(process, 0, "new\n")
    eventually(fn -> File.read!(log) == "new\n" end, 30_000)
    Session.stop(process, [])
    assert close(sinks) == []
    assert text(log) == "old\nnew\n"
  end

  # Whoever starts the program again does not wait for anybody: the link is there before it.
  test "the port program dies: links and sinks are there again", %{log: log} do
    {:ok, launcher} = Launcher.start_link()
    {sinks, streams} = open!({:file, log}, launcher: launcher)

    sinks =
      for number <- 1..3, reduce: sinks do
        sinks ->
          process = start!(streams, "echo #{number}; exec sleep 300")
          {sinks, _told} = until(sinks, fn sinks, _ -> sink(sinks).restarts == number - 1 end)
          eventually(fn -> File.read!(log) =~ "#{number}\n" end, 30_000)
          kill("KILL", launcher_info(launcher).os_pids.worker)
          assert Session.next(process, 30_000) == :launcher_down
          sinks
      end

    await_end(start!(streams, "echo again"))
    :ok = Sinks.close(sinks)
    assert File.read!(log) == "1\n2\n3\nagain\n"
    GenServer.stop(launcher)
  end

  test "with a launcher of its own all of it goes", %{log: log} do
    {sinks, streams} = open!({:file, log}, launcher: :dedicated)
    info = launcher_info(streams.launcher)
    await_end(start!(streams, "echo one"))
    await_end(start!(streams, "echo two"))
    :ok = Sinks.close(sinks)
    assert File.read!(log) == "one\ntwo\n"
    assert_program_gone(info)
    refute Process.alive?(streams.launcher)
  end

  test "without control groups it is the same", %{dir: dir, log: log} do
    {:ok, launcher} = Launcher.start_link(containment: :best_effort)
    copy = Path.join(dir, "copy")
    {sinks, streams} = open!([{:file, log}, {:command, "tee", [copy], []}], launcher: launcher)
    await_end(start!(streams, "echo one; sleep 0.1; echo two"))
    assert close(sinks) == []
    assert File.read!(log) == "one\ntwo\n"
    assert File.read!(copy) == "one\ntwo\n"
    GenServer.stop(launcher)
  end

  test "the owner is killed: the last words are written before its sink ends", %{log: log} do
    parent = self()
    script = "trap 'echo bye; exit' TERM; echo hi; while :; do sleep 0.01; done"

    owner =
      spawn(fn ->
        {sinks, streams} = open!({:file, log})
        process = start!(streams, script)
        send(parent, {:pids, process.os_pid, sink(sinks).os_pid})
        Process.sleep(:infinity)
      end)

    assert_receive {:pids, program, sink}, 30_000
    eventually(fn -> File.read!(log) == "hi\n" end, 30_000)
    Process.exit(owner, :kill)
    eventually(fn -> not os_alive?(program) and not os_alive?(sink) end, 30_000)
    assert File.read!(log) == "hi\nbye\n"
  end

  test "the VM is killed: nothing is left, and the tail is written", %{log: log} do
    marker = Contained.Proc.marker()
    vm = VM.start(:log, [log, marker])
    eventually(fn -> File.exists?(log <> ".2") end, 60_000)
    kill("KILL", vm.os_pid)
    VM.await_end(vm)
    eventually(fn -> marked(marker) == [] end, 30_000)
    assert_program_gone(vm)

    written = text(log)
    count = length(:binary.matches(written, "\n"))
    assert count > 0
    assert written == Enum.map_join(1..count, &"line #{&1}\n")
  end
end
