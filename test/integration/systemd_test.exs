defmodule Contained.SystemdTest do
  # Contained in units of systemd, as its guides have it: `scripts/test-vm systemd`.
  use Contained.Case, async: false

  import Contained.Proc, only: [kill: 2, marked: 1]
  import Contained.Units

  @moduletag :port
  @moduletag skip: Contained.Units.needed()
  @moduletag timeout: 600_000

  setup_all do
    unless Contained.Units.needed(), do: install()
    :ok
  end

  # What the VM of a unit is to do.
  defp main(name, more \\ []) do
    report = report_file()
    {report, [{"MAIN", name}, {"REPORT", report} | more]}
  end

  defp gone?(unit), do: not File.exists?(group(unit))
  defp await(fun), do: eventually(fun, within(6_000))

  describe "a VM as a service with Delegate=yes" do
    test "has limits, and leaves nothing when it is killed, restarted or stopped" do
      text = of_guide("delegation", "app.service")

      lives =
        for mode <- ~w(control-group mixed process) do
          {report, environment} = main("service", [{"TAKE_OVER", "1"}])
          text = String.replace(text, "KillMode=mixed", "KillMode=" <> mode)
          text = text <> "Restart=always\nRestartSec=1\n[Unit]\nStartLimitIntervalSec=0\n"
          {define("test-#{mode}.service", text, environment), report}
        end

      lives |> Task.async_stream(&live/1, timeout: :infinity, ordered: false) |> Stream.run()
    end

    defp live({unit, report}) do
      systemctl(["start", unit])
      first = told(report)
      assert_groups(first, unit)
      systemctl(["kill", "--kill-who=main", "-s", "KILL", unit])
      second = told(report, first)
      await(fn -> marked(first.marker) == [] end)
      assert_groups(second, unit)
      systemctl(["restart", unit])
      third = told(report, second)
      await(fn -> marked(second.marker) == [] end)
      assert_groups(third, unit)
      systemctl(["stop", unit])
      await(fn -> marked(third.marker) == [] and gone?(unit) end)
      assert show(unit, "Result") == "success"
    end

    defp assert_groups(report, unit) do
      assert %{containment: :cgroup2, limits: limits, cgroup: tree} = report.groups
      assert Path.dirname(tree) == group(unit)
      assert [] = [:memory, :pids, :cpu] -- limits
      assert {:ok, %{stdout: "0::/system.slice/" <> place}} = report.limited
      assert place =~ ~r"^#{unit}/contained-[0-9-]+/default/\d+\n$"
    end
  end

  describe "a VM as a service without Delegate" do
    test "root's is contained in the unit's group, without limits" do
      report = plain([])
      assert %{containment: :cgroup2, limits: limits, cgroup: tree} = report.groups
      assert Path.dirname(tree) == group("test-plain.service")
      refute :memory in limits
      assert_advised(report)

      assert {:ok, %{stdout: "0::/system.slice/test-plain.service/contained-" <> _}} =
               report.plain

      assert outside() == []
    end

    test "another user's is contained by the tree of its processes" do
      report = plain(["User=app"])
      assert %{containment: :best_effort, limits: [], cgroup: ""} = report.groups
      assert_advised(report)
      assert {:ok, %{stdout: "0::/system.slice/test-plain.service\n"}} = report.plain
      assert outside() == []
    end

    defp plain(lines) do
      {file, environment} = main("service")
      lines = ["[Service]", "ExecStart=/srv/app/bin/app" | lines]
      unit = define("test-plain.service", Enum.join(lines, "\n") <> "\n", environment)
      systemctl(["start", unit])
      report = told(file)
      Process.put(:outside, trees() -- trees(group(unit)))
      systemctl(["stop", unit])
      await(fn -> marked(report.marker) == [] and gone?(unit) end)
      report
    end

    # This VM has a tree of its own, in the unit of the leg.
    defp outside,
      do: Process.get(:outside) -- trees("/sys/fs/cgroup/system.slice/contained-vm.service")

    defp trees(below \\ "/sys/fs/cgroup") do
      {said, 0} = System.cmd("find", [below, "-type", "d", "-name", "contained-[0-9]*"])
      String.split(said)
    end

    defp assert_advised(report) do
      assert {:error, %{reason: :enotsup, stage: :limit} = error} = report.limited
      assert Exception.message(error) =~ "Delegate=yes"
    end

    test "contained info says what to put into the unit" do
      for {properties, advice} <- [
            {[], "Give the unit Delegate=yes and DelegateSubgroup=main"},
            {["User=app"], "Start the program in a unit with Delegate=yes"},
            {["Delegate=yes"], "--take-over"}
          ] do
        {said, 0} = run(properties, ["contained", "info"])
        assert said =~ advice
      end
    end
  end

  describe "jobs" do
    test "outside of a service outlive its restart, and are adopted" do
      jobs = define("jobs.service", of_guide("jobs", "jobs.service"))
      systemctl(["start", jobs])
      assert File.dir?(group(jobs) <> "/contained-jobs-builds")
      {report, environment} = main("keeper", [{"NAMESPACE", "builds"}])
      unit = define("test-keeper.service", "[Service]\nExecStart=/srv/app/bin/app\n", environment)
      systemctl(["start", unit])
      first = told(report)
      assert info(["jobs of builds", "outlives contained-vm.service, ends with jobs.service"])
      systemctl(["restart", unit])
      assert told(report, first).job == first.job
      assert limited("builds") =~ "/jobs.service/contained-jobs-builds/"
      systemctl(["stop", unit])
      await(fn -> gone?(unit) end)
      assert os_alive?(first.job)
      systemctl(["restart", jobs])
      assert {"db: finished, signaled 15 (stopped)\n", 1} = job("builds", ~w(check -v db))
      refute os_alive?(first.job)
      assert limited("builds") =~ "/jobs.service/contained-jobs-builds/"
    end

    test "inside of a service end with it, and info says so" do
      inner = "contained job inner run one sleep 1000 && contained info && exec sleep 1000"
      unit = define("test-inner.service", "[Service]\nExecStart=sh -c '#{inner}'\n")
      systemctl(["start", unit])
      await(fn -> match?({"one: running\n", 0}, job("inner", ~w(check -v one))) end)
      await(fn -> journal_of(unit) =~ ~r/jobs of inner .*, ends with test-inner.service/ end)
      assert info(["jobs of inner", "outlives contained-vm.service, ends with #{unit}"])
      systemctl(["stop", unit])
      assert {"one: finished, signaled 15 (stopped)\n", 1} = job("inner", ~w(check -v one))
      assert gone?(unit)
      assert {_, 0} = job("inner", ["release"])
    end

    defp job(namespace, args),
      do: System.cmd("contained", ["job", namespace | args], stderr_to_stdout: true)

    defp limited(namespace) do
      args = ~w(run -f -L --memory 64M seen cat /proc/self/cgroup)
      assert {said, 0} = job(namespace, args)
      said
    end

    defp info(parts) do
      {said, 0} = System.cmd("contained", ["info"])
      Enum.any?(String.split(said, "\n"), fn line -> Enum.all?(parts, &(line =~ &1)) end)
    end
  end

  defp journal_of(unit) do
    {said, 0} = System.cmd("journalctl", ["--no-pager", "-o", "cat", "-u", unit])
    said
  end

  describe "contained run" do
    @limited ~w(--memory 64M --pids 64 cat /proc/self/cgroup)

    test "in a unit of systemd-run" do
      assert {"0::/system.slice/run-" <> place, 0} =
               run(["Delegate=yes"], ~w(contained run --take-over) ++ @limited)

      assert place =~ ~r"^u\d+.service/contained-"
      assert {said, 125} = run(["Delegate=yes"], ~w(contained run) ++ @limited)
      assert said =~ "contained info"
    end

    test "in a scope" do
      command = ~w(--scope -q -p Delegate=yes contained run --take-over) ++ @limited
      assert {"0::/system.slice/run-" <> place, 0} = System.cmd("systemd-run", command)
      assert place =~ ~r"^\w+.scope/contained-"
    end
  end

  describe "contained supervise as a service" do
    test "logs to the journal, and stops in order" do
      script("/usr/local/bin", "fand", "#!/bin/sh\necho fan is up >&2\nsleep 1000 & wait\n")
      unit = define("fand.service", of_guide("supervise", "fand.service"))
      systemctl(["start", unit])
      await(fn -> tagged("fand") =~ "fan is up" end)
      systemctl(["stop", unit])
      assert gone?(unit)
      assert show(unit, "Result") == "success"
    end

    defp tagged(tag) do
      {said, _} = System.cmd("journalctl", ["--no-pager", "-o", "cat", "-t", tag])
      said
    end

    test "that is killed leaves nothing" do
      text =
        "[Service]\nExecStart=contained supervise -n -- sh -c 'setsid sleep 1234 & sleep 1234'\n"

      unit = define("test-killed.service", text <> "KillMode=process\n")
      systemctl(["start", unit])
      await(fn -> length(marked("1234")) == 2 end)
      systemctl(["kill", "--kill-who=main", "-s", "KILL", unit])
      await(fn -> marked("1234") == [] and gone?(unit) end)
    end
  end

  test "a daemon with ready: :notify has a socket of its own, not that of the VM's unit" do
    {report, environment} = main("notified")

    text =
      "[Service]\nType=notify\nNotifyAccess=all\nTimeoutStartSec=infinity\nExecStart=/srv/app/bin/app\n"

    unit = define("test-notify.service", text, environment)
    systemctl(["start", "--no-block", unit])
    report = told(report)
    assert "@" <> _ = report.status
    assert "/run/systemd/notify" = report.socket
    assert show(unit, "ActiveState") == "activating"
    assert show(unit, "StatusText") == ""
  end

  describe "a user's manager" do
    setup do
      {_, 0} = System.cmd("loginctl", ["enable-linger", "app"])
      on_exit(fn -> System.cmd("loginctl", ["disable-linger", "app"]) end)
      await(fn -> match?({"running\n", 0}, as_app(~w(systemctl --user is-system-running))) end)
    end

    test "keeps his jobs, also beyond a restart of his service, as long as he lingers" do
      {report, environment} = main("keeper", [{"NAMESPACE", "nightly"}])
      define_users("app.service", of_guide("jobs", "app.service"), environment)
      assert {_, 0} = as_app(~w(systemctl --user start app))
      first = told(report)
      assert {said, 0} = as_app(~w(contained info))

      assert said =~
               ~r"jobs of nightly .*/app.slice/contained-jobs-nightly, .*ends with user@4711.service"

      refute said =~ "enable-linger"
      assert {_, 0} = as_app(~w(systemctl --user restart app))
      assert told(report, first).job == first.job

      scope =
        ~w(systemd-run --user --scope -q contained job nightly run --memory 50M make sleep 1000)

      assert {"", 0} = as_app(scope)
      assert {"make: running\n", 0} = as_app(~w(contained job nightly check -v make))
      {_, 0} = System.cmd("loginctl", ["disable-linger", "app"])
      await(fn -> not os_alive?(first.job) and not File.exists?("/run/user/4711") end)
    end

    test "has limits in a scope that is delegated" do
      scope = ~w(systemd-run --user --scope -q -p Delegate=yes contained run --take-over)

      assert {"0::/user.slice/user-4711.slice/user@4711.service/app.slice/run-" <> place, 0} =
               as_app(scope ++ ~w(--memory 64M cat /proc/self/cgroup))

      assert place =~ ~r"^\w+.scope/contained-"
    end
  end
end
