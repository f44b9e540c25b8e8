defmodule Contained.SystemdTest do
  # Contained in units of systemd, as its guides have it: `scripts/test-vm systemd`.
  use Contained.Case, async: false

  import Contained.Proc, only: [marked: 1]
  import Contained.Units

  @moduletag :port
  @moduletag skip: Contained.Units.needed()
  @moduletag timeout: 600_000

  setup_all do
    unless Contained.Units.needed(), do: install()
    :ok
  end

  # What the program of a unit is to do: a VM takes half a minute to start here, a shell does not.
  defp vm(function, more \\ []) do
    report = report_file()

    code =
      "exec elixir -pa #{Application.app_dir(:contained, "ebin")} -e Contained.VM.Guest.#{function}"

    {report, [{"MAIN", code}, {"REPORT", report} | more]}
  end

  defp gone?(unit), do: not File.exists?(group(unit))
  defp await(fun), do: eventually(fun, within(6_000))

  describe "a service with Delegate=yes, here a VM" do
    test "has limits, and leaves nothing when it is killed or stopped" do
      {report, environment} = vm("service", [{"TAKE_OVER", "1"}])
      text = of_guide("delegation", "app.service") <> "Restart=always\nRestartSec=1\n"
      unit = define("app.service", text, environment)
      systemctl(["start", unit])
      first = told(report)
      assert_groups(first, unit)
      systemctl(["kill", "--kill-who=main", "-s", "KILL", unit])
      second = told(report, first)
      await(fn -> marked(first.marker) == [] end)
      assert_groups(second, unit)
      systemctl(["stop", unit])
      await(fn -> marked(second.marker) == [] and gone?(unit) end)
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

  describe "a service with Delegate=yes, here contained supervise" do
    for mode <- ~w(control-group mixed process) do
      test "leaves nothing when it is killed, restarted or stopped by KillMode=#{mode}" do
        main =
          ~s(exec contained supervise -n --take-over --memory 64M -- sh -c "setsid sleep 1234 & exec sleep 1234")

        text =
          String.replace(of_guide("delegation", "app.service"), "=mixed", "=#{unquote(mode)}")

        unit =
          define("app.service", text <> "SuccessExitStatus=143\nRestart=always\nRestartSec=1\n", [
            {"MAIN", main}
          ])

        systemctl(["start", unit])
        first = sleepers([])
        systemctl(["kill", "--kill-who=main", "-s", "KILL", unit])
        second = sleepers(first)
        systemctl(["restart", unit])
        sleepers(second)
        systemctl(["stop", unit])
        await(fn -> marked("1234") == [] and gone?(unit) end)
        assert show(unit, "Result") == "success"
      end
    end

    # Two, in a group of their own with a limit, none of which was there before.
    defp sleepers(before) do
      await(fn ->
        match?([_, _], marked("1234")) and marked("1234") -- before == marked("1234")
      end)

      [one, two] = marked("1234")
      place = File.read!("/proc/#{one}/cgroup")
      assert "0::/system.slice/app.service/contained-" <> _ = place
      assert File.read!("/proc/#{two}/cgroup") == place

      assert File.read!(
               "/sys/fs/cgroup" <> String.slice(String.trim(place), 3..-1) <> "/memory.max"
             ) == "67108864\n"

      [one, two]
    end
  end

  describe "a service without Delegate" do
    test "is, as root, contained in the unit's group, without limits" do
      assert {"0::/system.slice/run-" <> place, 0} =
               run([], ~w(contained run cat /proc/self/cgroup))

      assert place =~ ~r"^u\d+.service/contained-[^/]+/default/1\n$"
      assert {said, 125} = run([], ~w(contained run --memory 64M true))
      assert said =~ "contained info"
    end

    test "is, as another user, contained by the tree of its processes" do
      assert {"0::/system.slice/run-" <> place, 0} =
               run(["User=app"], ~w(contained run cat /proc/self/cgroup))

      assert place =~ ~r"^u\d+.service\n$"
      assert {said, 125} = run(["User=app"], ~w(contained run --memory 64M true))
      assert said =~ "contained info"
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
      {report, environment} = vm("keeper", [{"NAMESPACE", "builds"}])
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
      assert {_, 0} = job(namespace, ~w(run -f --memory 64M seen cat /proc/self/cgroup))
      {said, 0} = job(namespace, ~w(logs seen))
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
    {report, environment} = vm("notified")

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
      main =
        "contained job nightly run db sleep 1000; contained run true; echo $?; exec sleep 1000"

      define_users("app.service", of_guide("jobs", "app.service"), [{"MAIN", main}])
      assert {_, 0} = as_app(~w(systemctl --user start app))
      await(fn -> nightly("check -v db") == {"db: running\n", 0} end)
      {shown, 0} = nightly("check --json db")
      assert {said, 0} = as_app(~w(contained info))

      assert said =~
               ~r"jobs of nightly .*/app.slice/contained-jobs-nightly, .*ends with user@4711.service"

      refute said =~ "enable-linger"
      assert {_, 0} = as_app(~w(systemctl --user restart app))
      assert {_, 0} = as_app(~w(systemctl --user stop app))
      assert nightly("check --json db") == {shown, 0}

      scope =
        ~w(systemd-run --user --scope -q contained job nightly run --memory 50M make sleep 2345)

      assert {"", 0} = as_app(scope)
      assert {"make: running\n", 0} = nightly("check -v make")
      {_, 0} = System.cmd("loginctl", ["disable-linger", "app"])
      await(fn -> marked("2345") == [] and not File.exists?("/run/user/4711") end)
    end

    defp nightly(words), do: as_app(~w(contained job nightly) ++ String.split(words))

    test "has limits in a scope, in groups beside it" do
      scope = ~w(systemd-run --user --scope -q -p Delegate=yes contained run --take-over)

      assert {"0::/user.slice/user-4711.slice/user@4711.service/app.slice/contained-" <> _, 0} =
               as_app(scope ++ ~w(--memory 64M cat /proc/self/cgroup))

      refute File.exists?(
               "/sys/fs/cgroup/user.slice/user-4711.slice/user@4711.service/app.slice/main"
             )
    end
  end
end
