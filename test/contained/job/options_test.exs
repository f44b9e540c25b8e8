defmodule Contained.Job.OptionsTest do
  # What can be said of a job on the command line can be said in Elixir, and the reverse.
  use ExUnit.Case, async: true

  alias Contained.Job.{Options, Program}
  alias Contained.Options.Schema

  # Of the command line, and what stands for it in Elixir.
  @same %{
    "cap-ambient" => :capabilities,
    "cap-drop" => :capabilities,
    "cap-keep" => :capabilities,
    "chdir" => :cd,
    "controller" => :cgroup_controllers,
    "delay-to-sigkill" => :delay_to_sigkill,
    "delegate" => :delegate_cgroup,
    "gid" => :group,
    "group" => :cgroup_group,
    "keep" => :keep,
    "keep-cgroup" => :keep_cgroup,
    "limit" => :limits,
    "log-size" => :max_size,
    "name" => :cgroup_name,
    "no-log" => :log,
    "rlimit" => :rlimits,
    "set" => :settings,
    "bind" => :binds,
    "landlock-read" => :landlock,
    "landlock-write" => :landlock,
    "map-gid" => :gid_map,
    "map-uid" => :uid_map,
    "namespace" => :namespaces,
    "time-offset" => :time_offsets,
    "stop" => :stop_signal,
    "stop-timeout" => :delay_to_sigkill,
    "uid" => :user
  }

  @limits ~w(memory memory-high memory-low memory-min swap cpu cpu-weight cpus pids io io-weight hugetlb)

  # Of a program that is run by hand, or of where its keeper is: a launcher's, which a job has not.
  @there_alone ~w(config dry-run foreground help log-too verbose cgroup-base containment take-over)

  # Other names of one that is there, the words of MuonTrap, and what System.cmd/3 takes; an environment made of pieces,
  # which is `contained env ... -- contained job ...`; the limits of a parent group in which a job is alone.
  @here_alone [:cgroup, :cgroup_base, :cgroup_path, :cgroup_sets, :parallelism, :uid, :gid] ++
                [:env_file, :env_dir, :keep_env, :group_limits]

  defp theirs do
    {:ok, program} = Program.locate()
    {help, 0} = System.cmd(program, ["job", "x", "run", "--help"])
    for [_all, name] <- Regex.scan(~r/^ +(?:-\w,)?--([a-z0-9-]+)/m, help), do: name
  end

  defp ours do
    commands = for %{kinds: kinds, name: name} <- Schema.all(), :start in kinds, do: name
    Options.own() ++ (commands -- Options.not_here())
  end

  defp here(name) when name in @limits, do: :limits

  defp here(name),
    do: @same[name] || name |> String.replace("-", "_") |> String.to_atom()

  @tag :port
  test "each has its counterpart" do
    there = theirs()
    assert "memory" in there and "on-exit" in there
    here = there |> Kernel.--(@there_alone) |> Enum.map(&here/1) |> Enum.uniq()
    assert {[], []} = {here -- ours(), (ours() -- here) -- @here_alone}
    # Nothing is excused that is not there.
    assert [] == @there_alone -- there
    assert [] == @here_alone -- ours()
  end

  test "they become flags" do
    opts = [log: "/x", keep: 0, max_size: "1M", log_every: :day, log_gzip: true, cd: "/"]
    flags = ~w(--log /x --keep 0 --log-size 1048576 --log-every 1d --log-gzip)
    assert {^flags, [cd: "/"]} = Options.split!(opts)
    assert {["--no-log"], []} = Options.split!(log: false, log_block: false)

    assert {["--log-size", "0", "--log-every", "90s"], []} =
             Options.split!(max_size: 0, log_every: 90)
  end

  for {option, what} <- [
        {[log: 1], ":log: expected a path, true or false, got: 1"},
        {[log_every: 0], ":log_every: expected :day, :hour or a number of seconds, got: 0"},
        {[log_gzip: nil], ":log_gzip: expected true or false, got: nil"},
        {[keep: "5"], ~s(:keep: expected a number of files, got: "5")},
        {[on_exit: "a\0b"], ":on_exit: expected no null byte"},
        {[linger: :leave], ":linger: expected :kill or :wait"},
        {[launcher: :x], ":launcher with value :x for a job"}
      ] do
    test "#{inspect(option)} is refused" do
      assert_raise ArgumentError, ~r/#{Regex.escape(unquote(what))}/, fn ->
        Options.split!(unquote(option))
      end
    end
  end
end
