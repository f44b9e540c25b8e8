defmodule Contained.Launcher.GroupsTest do
  use ExUnit.Case, async: true

  alias Contained.Launcher.{Containers, Groups, Sessions}

  defp open(groups, path, reply, keep? \\ false),
    do: Groups.open(groups, path, make_ref(), self(), keep?, reply)

  test "a path is one container's" do
    {groups, [{:reply, :me, {:ok, nil}}]} = open(Groups.new(), "g/box", :me)

    assert {^groups, [{:reply, :other, {:error, :container, :ebusy, "g/box"}}]} =
             open(groups, "g/box", :other)

    assert {:ok, nil} = Groups.place(groups, nil)
    assert {:ok, ref} = Groups.place(groups, "g/box")
    assert ref == Groups.ref(groups, "g/box")
    assert {:error, :noproc} = Groups.place(groups, "g/other")
    assert {:error, :eshutdown} = groups |> Groups.seal("g/box") |> Groups.place("g/box")
  end

  test "it is given to the next when the one before is cleaned up" do
    {groups, _} = open(Groups.new(), "g/box", :me)
    ref = Groups.ref(groups, "g/box")

    assert {groups, ^ref, [{:demonitor, _}, {:end_group, "g/box", :remove}]} =
             Groups.close(groups, "g/box")

    assert {:error, :noproc} = Groups.place(groups, "g/box")
    assert {groups, []} = open(groups, "g/box", :next, true)
    assert {groups, [{:reply, :next, {:ok, nil}}]} = Groups.ended(groups, "g/box")
    assert {_groups, _ref, [_, {:end_group, "g/box", :kill}]} = Groups.close(groups, "g/box")
    assert {^groups, nil, []} = Groups.close(groups, "g/none")
  end

  test "the next port program is told of it" do
    {groups, _} = open(Groups.new(), "g/box", :me)
    ref = Groups.ref(groups, "g/box")
    groups = Groups.setup(groups, "g/box", [{"g", {:set_limits, []}}, {"g/box", :make}])

    assert {[{:tell, ^ref, :port_down}], [{"g", {:set_limits, []}, ^ref}, {"g/box", :make, ^ref}]} =
             Groups.again(groups)

    assert [{:tell, ^ref, {:group, :oom, %{count: 1}}}] =
             Groups.event(groups, "g/box", :oom, %{count: 1})

    assert [] = Groups.event(groups, "g/x", :oom, %{count: 1})
  end

  test "the end of a container kills what is in it, then the group; then its path is free" do
    {sessions, _} =
      Containers.request(Sessions.new(), {:open, "g/box", make_ref(), self(), false, :me})

    ref = Groups.ref(sessions.groups, "g/box")
    spec = %{program: "/bin/x", container: "g/box"}
    sessions = Sessions.add(sessions, 1, command = make_ref(), {self(), make_ref()}, spec)

    assert {sessions, [{:launch, 1, %{program: "/bin/x"} = launched}]} =
             Sessions.launch(sessions, 1, spec)

    refute Map.has_key?(launched, :container)
    assert {sessions, effects} = Sessions.event(sessions, {:started, 1, 42})

    assert {:tell, ref,
            {:started, %{ref: command, os_pid: 42, program: "/bin/x", grace: 500}, 42}} in effects

    assert {sessions, [{:frame, stop}, {:demonitor, _}, {:frame, remove}]} =
             Containers.request(sessions, {:close, "g/box"})

    assert {:stop, 1, []} = decoded(stop)
    assert {:group_control, control, "g/box", :remove} = decoded(remove)
    assert {:failed, :container, :noproc, "g/box"} = Sessions.misplaced(sessions, spec)

    assert {sessions, []} =
             Containers.request(sessions, {:open, "g/box", make_ref(), self(), false, :next})

    assert {_sessions, [{:reply, :next, {:ok, nil}}]} =
             Sessions.event(sessions, {:answer, 0, control, {:ok, nil}})
  end

  defp decoded(frame), do: frame |> IO.iodata_to_binary() |> :erlang.binary_to_term()
end
