defmodule Contained.Units do
  @moduledoc false
  # Units of systemd for one test, where it is PID 1 of a machine that may be lost: `scripts/test-vm systemd`. Those
  # of the guides are read from there, so that what the guides show is what was tested.

  import ExUnit.Callbacks, only: [on_exit: 1]
  import Contained.Case

  alias Contained.Job.Program

  @directory "/run/systemd/system"
  @passed_on ~w(PATH HOME LANG LC_ALL ELIXIR_ERL_OPTIONS CONTAINED_PORT CONTAINED_PROGRAM)

  def needed do
    if System.get_env("CONTAINED_VM") == "systemd",
      do: false,
      else: "needs systemd as PID 1, see scripts/test-vm systemd"
  end

  @doc "What the guides call by name is there under that name."
  def install do
    {:ok, program} = Program.locate()
    File.ln_s!(program, "/usr/local/bin/contained")
    File.mkdir_p!("/srv/app/bin")
    # What the application does is in the environment of the unit.
    script("/srv/app/bin", "app", ~s(#!/bin/sh\neval "$MAIN"\n))
  end

  @doc "The unit that a guide shows as that file."
  def of_guide(guide, unit) do
    text = File.read!("guides/#{guide}.md")
    [_, shown] = Regex.run(~r/^```ini\n# \S*\/#{Regex.escape(unit)}\n(.*?)^```/ms, text)
    shown
  end

  @doc "Makes a unit and returns its name. It is stopped when the test has ended."
  def define(name, text, environment \\ []) do
    write(@directory, name, text, environment)
    systemctl(["daemon-reload"])
    on_exit(fn -> systemctl(["stop", name]) end)
    name
  end

  @doc "Makes one of the user `app`, whose manager runs. It ends with that."
  def define_users(name, text, environment) do
    write("/home/app/.config/systemd/user", name, text, environment)
    {_, 0} = as_app(~w(systemctl --user daemon-reload))
  end

  defp write(directory, name, text, environment) do
    extra = Path.join(directory, name <> ".d")
    File.mkdir_p!(extra)
    File.write!(Path.join(directory, name), text)

    inherited =
      for variable <- @passed_on, value = System.get_env(variable), do: {variable, value}

    lines =
      for {key, value} <- inherited ++ environment,
          do: ~s(Environment="#{key}=#{escape(value)}"\n)

    File.write!(Path.join(extra, "test.conf"), ["[Service]\n" | lines])
  end

  # systemd.syntax(7), "Quoting"; % begins a specifier.
  defp escape(value) do
    value |> String.replace(~r/["\\]/, "\\\\\\0") |> String.replace("%", "%%")
  end

  def systemctl(args) do
    {said, status} = System.cmd("systemctl", args, stderr_to_stdout: true)
    status == 0 || ExUnit.Assertions.flunk("systemctl #{inspect(args)}: #{said}#{journal()}")
    said
  end

  defp journal do
    {said, _} = System.cmd("journalctl", ~w(--no-pager -n 60), stderr_to_stdout: true)
    said
  end

  @doc "A property of `systemctl show`."
  def show(unit, property), do: String.trim(systemctl(["show", "-P", property, unit]))

  def group(unit), do: "/sys/fs/cgroup/system.slice/" <> unit

  @doc "A file for what a unit has to tell, as `Contained.VM.Guest.tell/1` writes it."
  def report_file do
    directory = tmp_dir()
    File.chmod!(directory, 0o777)
    Path.join(directory, "report")
  end

  @doc "What it tells, once somebody else than `before` has done so."
  def told(file, before \\ nil) do
    late = fn -> ExUnit.Assertions.flunk("nothing is told\n" <> journal()) end

    poll(within(20_000), late, fn ->
      with {:ok, binary} <- File.read(file),
           report = :erlang.binary_to_term(binary),
           false <- before != nil and report.os_pid == before.os_pid,
           do: report,
           else: (_ -> nil)
    end)
  end

  defp poll(ms, late, fun) when ms <= 0, do: fun.() || late.()

  defp poll(ms, late, fun) do
    fun.() || (Process.sleep(100) && poll(ms - 100, late, fun))
  end

  @doc "Runs a command by systemd-run(1), with properties of its unit."
  def run(properties, command) do
    flags = Enum.flat_map(properties, &["-p", &1])
    args = ~w(--quiet --wait --pipe) ++ flags ++ ["--" | command]
    System.cmd("systemd-run", args, stderr_to_stdout: true)
  end

  @doc "As `app`, whose manager there is, outside of it."
  def as_app(command) do
    args =
      ~w(--reuid app --regid app --clear-groups env HOME=/home/app XDG_RUNTIME_DIR=/run/user/4711)

    System.cmd("setpriv", args ++ command, stderr_to_stdout: true)
  end
end
