defmodule Contained.Launcher.ArgumentsTest do
  use ExUnit.Case, async: true

  alias Contained.Launcher.Arguments

  test "become words of the command line, where they are not the default" do
    opts = [name: X, cgroup_base: "/x", containment: :cgroup2, take_over: true, heartbeat: 5]
    assert Arguments.check!(opts) == :ok
    assert Arguments.words(opts) == ~w(--cgroup-base /x --containment cgroup2 --take-over)
    assert Arguments.words(containment: :auto, take_over: false) == []
  end

  test "that are wrong are named" do
    for opts <- [[heartbeat: 0], [containment: :none], [cgroup_base: 1], [nonsense: 1]] do
      [{key, value}] = opts
      message = "invalid option #{inspect(key)} with value #{inspect(value)}"
      assert_raise ArgumentError, message, fn -> Arguments.check!(opts) end
    end

    assert_raise ArgumentError, "invalid option 1", fn -> Arguments.check!([1]) end
  end
end
