defmodule Contained.VM do
  @moduledoc false
  # A second VM, to be stopped and killed: it runs a function of `Contained.VM.Guest`, says what it
  # has done in lines that begin with "vm ", and acts on the lines that it is sent.

  import ExUnit.Assertions
  alias Contained.{Case, Proc}

  def start(function, args \\ []) do
    code = "apply(Contained.VM.Guest, #{inspect(function)}, #{inspect(args)})"
    ebin = Application.app_dir(:contained, "ebin")

    port =
      Port.open(
        {:spawn_executable, System.find_executable("elixir")},
        [
          {:args, ["-pa", ebin, "-e", code]},
          {:env, [{~c"CONTAINED_HELPERS", helpers()}]},
          {:line, 4_096}
        ] ++ [:binary, :exit_status, :stderr_to_stdout, :hide]
      )

    ["ready", beam, guardian, worker, cgroup, marker] = read(port)
    os_pids = %{guardian: number(guardian), worker: number(worker)}
    %{port: port, os_pid: number(beam), os_pids: os_pids, cgroup: cgroup, marker: marker}
  end

  defp helpers, do: "daemonize" |> Case.helper_path() |> Path.dirname() |> to_charlist()

  defp number(text), do: String.to_integer(text)

  defp read(port, said \\ []) do
    receive do
      {^port, {:data, {:eol, "vm " <> words}}} -> String.split(words)
      {^port, {:data, {_, line}}} -> read(port, [line | said])
      {^port, {:exit_status, status}} -> failed("has ended with #{status}", said)
    after
      60_000 -> failed("says nothing", said)
    end
  end

  defp failed(what, said),
    do: flunk("the second VM #{what}\n" <> (said |> Enum.reverse() |> Enum.join("\n")))

  def tell(vm, line), do: Port.command(vm.port, line <> "\n")

  @doc "Milliseconds from before `event` until the VM has ended."
  def ended_after(vm, event) do
    begin = Proc.now()
    event.()
    await_end(vm)
    Proc.now() - begin
  end

  @doc "Its end as the process list tells it: what survives it may hold its stdout."
  def await_death(vm),
    do: Contained.Case.eventually(fn -> not Contained.Case.os_alive?(vm.os_pid) end)

  def await_end(vm, said \\ []) do
    %{port: port} = vm

    receive do
      {^port, {:exit_status, _}} -> :ok
      {^port, {:data, {_, line}}} -> await_end(vm, [line | said])
    after
      60_000 -> failed("does not end", said)
    end
  end
end

defmodule Contained.VM.Guest do
  @moduledoc false
  # What runs in the second VM.

  alias Contained.{Launcher, NastyTree, Proc}

  @doc "A nasty tree runs."
  def tree do
    begin()
    {_process, marker, _pids} = NastyTree.start([])
    ready(marker)
    obey()
  end

  @doc "A container holds a command, what the command has left in a session of its own, and a stranger."
  def container do
    begin()
    marker = Proc.marker()
    {:ok, container} = Contained.Container.start_link(name: "guest")
    script = "setsid sh -c 'sleep 1000; true' sh #{marker} & sleep 1000; true"
    {:ok, _process} = Contained.Container.start(container, "sh", ["-c", script, "sh", marker])

    stranger =
      Port.open({:spawn_executable, "/bin/sh"},
        args: ["-c", "while :; do sleep 1; done", "sh", marker]
      )

    {:os_pid, os_pid} = Port.info(stranger, :os_pid)
    # Without control groups he stays a stranger.
    with {:error, _} <- Contained.Container.migrate(container, os_pid),
         do: Proc.kill("KILL", os_pid)

    ready(marker)
    obey()
  end

  @doc "A container holds a hundred commands, each with a daemon; every other one has a pid namespace where there can be."
  def hundred do
    begin()
    marker = Proc.marker()
    {:ok, container} = Contained.Container.start_link(name: "hundred")
    isolated = if Contained.Needs.isolation(), do: [], else: [pid_isolation: true, cd: "/"]
    script = "setsid sh -c 'sleep 1000; true' $0 & echo up; sleep 1000; true"

    for n <- 1..100 do
      opts = if rem(n, 2) == 0, do: isolated, else: []
      {:ok, process} = Contained.Container.start(container, "sh", ["-c", script, marker], opts)
      {:stdout, "up\n"} = Contained.Process.next(process)
    end

    ready(marker)
    obey()
  end

  @doc "A program writes lines without end into a log."
  def log(path, marker) do
    begin()
    Contained.LogSinks.guest(path, marker)
    ready(marker)
    obey()
  end

  @doc "A supervisor keeps up a job, whose process id stands for the marker."
  def job(namespace) do
    begin()
    {"", 0} = Contained.cmd("true", [])
    child = {Contained.Daemon, ["sleep", ["1000"], [adopt: {namespace, "db"}]]}
    {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one)
    [{_id, daemon, _type, _modules}] = Supervisor.which_children(supervisor)
    ready("#{Contained.Daemon.os_pid(daemon)}")
    obey()
  end

  @doc "The port program is stopped, in whole or in part, and input waits for it."
  def wedged(victims) do
    begin()
    {process, marker, _pids} = NastyTree.start([])
    info = Proc.launcher_info(Launcher)
    Proc.kill("STOP", for(victim <- victims, do: info.os_pids[victim]))
    spawn(fn -> Contained.Process.write(process, :binary.copy("x", 300_000)) end)
    ready(marker)
    obey()
  end

  @doc "So many daemons write all the time, some to a file, some to the VM."
  def daemons(count, dir) do
    begin()
    marker = Proc.marker()
    # They begin when all are there, or the last ones would take long to start.
    script = "read x; while :; do echo $0 $$; done"

    daemons =
      for n <- 1..count do
        log =
          if rem(n, 2) == 0, do: [log_to: {:file, Path.join(dir, "#{n}")}], else: [capture: true]

        {:ok, daemon} =
          Contained.Daemon.start_link("sh", ["-c", script, marker], [stdin: :pipe] ++ log)

        daemon
      end

    for daemon <- daemons, do: :ok = Contained.Daemon.write(daemon, "go\n")
    ready(marker)
    obey()
  end

  @doc "Of a unit, see Contained.Units: says what it is given there, and runs what does not want to end."
  def service do
    :ok = Application.load(:contained)
    Application.put_env(:contained, :launcher, take_over: System.get_env("TAKE_OVER") == "1")
    begin()
    marker = Proc.marker()
    {:ok, groups} = Contained.Cgroup.info()
    limited = Contained.run("cat", ["/proc/self/cgroup"], limits: [memory: "64M", pids: 64])
    plain = Contained.run("cat", ["/proc/self/cgroup"])
    script = "trap '' TERM; setsid sh -c 'sleep 1000; true' sh $0 & sleep 1000; true"
    {:ok, _process} = Contained.start("sh", ["-c", script, marker], delay_to_sigkill: 100)
    tell(%{groups: groups, limited: limited, plain: plain, marker: marker})
  end

  @doc "Of a unit: keeps up a job."
  def keeper do
    begin()
    child = {Contained.Daemon, ["sleep", ["1000"], [adopt: {System.get_env("NAMESPACE"), "db"}]]}
    {:ok, supervisor} = Supervisor.start_link([child], strategy: :one_for_one)
    [{_id, daemon, _type, _modules}] = Supervisor.which_children(supervisor)
    tell(%{job: Contained.Daemon.os_pid(daemon)})
  end

  @doc "Of a unit of Type=notify: is ready when its daemon has said so, on a socket of its own."
  def notified do
    begin()
    script = "systemd-notify --ready --status=$NOTIFY_SOCKET; exec sleep 1000"
    {:ok, daemon} = Contained.Daemon.start_link("sh", ["-c", script], ready: :notify)
    ours = System.get_env("NOTIFY_SOCKET")
    tell(%{status: Contained.Daemon.info(daemon).status, socket: ours})
  end

  # Whole or not at all.
  defp tell(report) do
    file = System.fetch_env!("REPORT")
    File.write!(file <> ".new", :erlang.term_to_binary(Map.put(report, :os_pid, System.pid())))
    File.rename!(file <> ".new", file)
    Process.sleep(:infinity)
  end

  defp begin, do: {:ok, _} = Application.ensure_all_started(:contained)

  defp ready(marker) do
    %{os_pids: os_pids, cgroup: cgroup} = Proc.launcher_info(Launcher)
    words = [System.pid(), os_pids.guardian, os_pids.worker, cgroup, marker]
    IO.puts("vm ready " <> Enum.join(words, " "))
  end

  defp obey do
    case IO.gets("") do
      "stop\n" -> System.stop()
      "halt\n" -> System.halt(0)
      _eof -> System.halt(1)
    end

    Process.sleep(:infinity)
  end
end
