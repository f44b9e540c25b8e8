defmodule Contained.Launcher.SlotsTest do
  # Sessions of one slot, the generations of a daemon: the next waits for the one that is leaving.
  use ExUnit.Case, async: true

  alias Contained.Launcher.Sessions

  defp add(sessions, slot, owner \\ self()) do
    ref = make_ref()
    {id, sessions} = Sessions.reserve(sessions)
    spec = %{program: "/bin/x", stdin: :pipe, slot: slot}
    sessions = Sessions.add(sessions, id, ref, {owner, {:monitor, id}}, spec)
    {sessions, effects} = Sessions.launch(sessions, id, spec)
    {sessions, id, ref, effects}
  end

  defp dead do
    {pid, monitor} = spawn_monitor(fn -> :ok end)
    assert_receive {:DOWN, ^monitor, _, _, _}, 2_000
    pid
  end

  test "one that is alive holds nobody up, and the port program knows of no slots" do
    {sessions, one, _, effects} = add(Sessions.new(), :a)
    assert [{:launch, ^one, %{program: "/bin/x"} = spec}] = effects
    refute Map.has_key?(spec, :slot)
    {_, two, _, effects} = add(sessions, :a)
    assert [{:launch, ^two, _}] = effects
  end

  test "one that is being stopped is waited for, by its own slot alone" do
    {sessions, one, ref, _} = add(Sessions.new(), :a)
    {sessions, _} = Sessions.stop(sessions, ref, :default, nil)
    {sessions, two, _, []} = add(sessions, :a)
    {sessions, three, _, effects} = add(sessions, :b)
    assert [{:launch, ^three, _}] = effects
    {sessions, effects} = Sessions.event(sessions, {:ended, three, %{}})
    refute Enum.any?(effects, &match?({:launch, _, _}, &1))
    {_, effects} = Sessions.event(sessions, {:ended, one, %{}})
    assert {:launch, ^two, _} = List.last(effects)
  end

  test "one whose owner has died is waited for, even before that is told" do
    {sessions, one, _, _} = add(Sessions.new(), :a, dead())
    {sessions, two, _, []} = add(sessions, :a)
    {sessions, _} = Sessions.owner_down(sessions, one)
    {_, effects} = Sessions.event(sessions, {:ended, one, %{}})
    assert {:launch, ^two, _} = List.last(effects)
  end

  test "one that has lost its owner while it waited is not started" do
    {sessions, one, _, _} = add(Sessions.new(), :a, dead())
    {sessions, two, ref, []} = add(sessions, :a, dead())
    {sessions, three, _, []} = add(sessions, :a)
    {sessions, effects} = Sessions.event(sessions, {:ended, one, %{}})
    assert [{:launch, ^three, _}] = Enum.filter(effects, &match?({:launch, _, _}, &1))
    {_, effects} = Sessions.owner_down(sessions, two)
    assert {:tell, ref, {:failed, :launcher, :ecanceled, "/bin/x"}} in effects
    refute Enum.any?(effects, &match?({:launch, _, _}, &1))
  end

  test "input of one that waits follows its start" do
    {sessions, one, _, _} = add(Sessions.new(), :a, dead())
    {sessions, two, ref, []} = add(sessions, :a)
    assert {sessions, [{:reply, :me, :ok}]} = Sessions.write(sessions, ref, 0, "hi", :me)
    assert {sessions, []} = Sessions.close_input(sessions, ref, 0)
    {_, effects} = Sessions.event(sessions, {:ended, one, %{}})
    assert [{:launch, ^two, _}, {:frame, input}, {:frame, close}] = Enum.take(effects, -3)
    assert :erlang.binary_to_term(IO.iodata_to_binary(input)) == {:input, two, "hi"}
    assert :erlang.binary_to_term(IO.iodata_to_binary(close)) == {:close_input, two}
  end

  test "one that waits can be stopped: it was never started" do
    {sessions, _one, _, _} = add(Sessions.new(), :a, dead())
    {sessions, _two, ref, []} = add(sessions, :a)
    {sessions, effects} = Sessions.stop(sessions, ref, :default, :me)
    assert {:tell, ref, {:failed, :launcher, :ecanceled, "/bin/x"}} in effects
    assert {:reply, :me, :ok} in effects
    refute Enum.any?(effects, &match?({:frame, _}, &1))
    assert Sessions.size(sessions) == 1
  end

  test "the port program's end starts nobody" do
    {sessions, _one, _, _} = add(Sessions.new(), :a, dead())
    {sessions, _two, ref, []} = add(sessions, :a)
    {_, effects} = Sessions.fail_all(sessions, :launcher_down)
    assert {:tell, ref, :launcher_down} in effects
    refute Enum.any?(effects, &match?({:launch, _, _}, &1))
  end
end
