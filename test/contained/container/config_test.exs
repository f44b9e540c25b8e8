defmodule Contained.Container.ConfigTest do
  use ExUnit.Case, async: true

  alias Contained.Container.{Census, Config}

  test "names" do
    assert %{name: "MyApp.Box", path: "containers/MyApp.Box", registered: MyApp.Box} =
             Config.new(name: MyApp.Box)

    assert %{path: "a/b/box", registered: :box} = Config.new(name: :box, group: "a/b")
    assert %{path: "containers/web", registered: nil} = Config.new(name: "web")

    assert %{path: "containers/x", registered: {:global, 1}} =
             Config.new(name: {:global, 1}, cgroup_name: "x")

    assert %{name: "container-" <> _} = Config.new([])
  end

  test "wrong options" do
    for {opts, text} <- [
          {[name: "a b"], ~r/no control group can be called "a b"/},
          {[name: 1], ~r/invalid value for option :name: expected an atom/},
          {[group: "a/b/c/d"], ~r/option :group: expected at most 3 names/},
          {[limits: [memory: -1]], ~r/option :limits: expected :memory to be bytes/},
          {[subreaper: false], ~r/option :subreaper: expected true/},
          {[on_failure: :restart], ~r/option :on_failure: expected :ignore or :stop/},
          {[poll_interval: 0], ~r/option :poll_interval: expected milliseconds from 1/},
          {[into: ""], ~r/invalid option :into/},
          {[cgroup_path: "x"], ~r/invalid option :cgroup_path/},
          {[nice: 99], ~r/invalid value for option :nice/},
          {:no, ~r/a keyword list/}
        ] do
      assert_raise ArgumentError, text, fn -> Config.new(opts) end
    end
  end

  test "options of commands are defaults" do
    assert %{defaults: %{nice: 5, cd: "/srv"}} = Config.new(nice: 5, cd: "/srv")
    assert :nice in Config.defaults()
    refute :timeout in Config.defaults()
  end

  test "a supervisor waits long enough" do
    assert %{shutdown: shutdown} = Contained.Container.child_spec(stop_signal: [term: 60_000])
    assert shutdown > 60_000

    assert %{shutdown: 5, id: :x, restart: :transient} =
             Contained.Container.child_spec(shutdown: 5, id: :x, restart: :transient)
  end

  defp process(pid, ppid), do: %{pid: pid, ppid: ppid, start_time: 1, name: "x", command: []}

  test "who comes and goes" do
    {known, [], []} = Census.compare(nil, [process(1, 0)], [])
    # A child of a member is new at once; one from outside when it is seen again.
    {known, [%{pid: 2}], []} =
      Census.compare(known, [process(1, 0), process(2, 1), process(3, 0)], [])

    {known, [%{pid: 3}], [%{pid: 1}]} = Census.compare(known, [process(2, 9), process(3, 0)], [])
    # The launcher tells of leaders.
    {known, [], []} = Census.compare(known, [process(2, 9), process(3, 0), process(4, 0)], [4])
    {_known, [], left} = Census.compare(known, [], [])
    assert left |> Enum.map(& &1.pid) |> Enum.sort() == [2, 3]
  end

  test "a tree" do
    assert [%{pid: 1, children: [%{pid: 2, children: [%{pid: 3, children: []}]}]}, %{pid: 4}] =
             Census.tree([process(1, 0), process(2, 1), process(3, 2), process(4, 0)])
  end
end
