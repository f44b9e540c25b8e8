defmodule Contained.Launcher.ControlsTest do
  use ExUnit.Case, async: true

  alias Contained.Launcher.Controls

  test "an answer finds who waits for it, once" do
    {one, controls} = Controls.add(Controls.new(), 1, :a)
    {two, controls} = Controls.add(controls, 1, :b)
    assert one != two
    assert {:b, controls} = Controls.take(controls, two)
    assert {nil, controls} = Controls.take(controls, two)
    assert Controls.waiting(controls) == [:a]
  end

  test "refs wrap at 2^31-1 and skip those in use" do
    {0, controls} = Controls.add(Controls.new(), 1, :a)
    {0x7FFFFFFF, controls} = Controls.add(%{controls | next: 0x7FFFFFFF}, 1, :b)
    assert {1, controls} = Controls.add(controls, 1, :c)

    assert {:b, _} =
             Controls.take_first(%{controls | waiting: Map.delete(controls.waiting, 0)}, 1)
  end

  test "the oldest of a session, and all of it" do
    {_, controls} = Controls.add(Controls.new(), 2, :other)
    {_, controls} = Controls.add(controls, 1, :a)
    {_, controls} = Controls.add(controls, 1, :b)
    assert {:a, left} = Controls.take_first(controls, 1)
    assert {:b, left} = Controls.take_first(left, 1)
    assert {nil, ^left} = Controls.take_first(left, 1)
    assert {[:a, :b], controls} = Controls.take_all(controls, 1)
    assert {[], ^controls} = Controls.take_all(controls, 1)
    assert Controls.waiting(controls) == [:other]
  end
end
