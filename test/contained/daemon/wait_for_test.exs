defmodule Contained.Daemon.WaitForTest do
  use ExUnit.Case, async: true

  alias Contained.Daemon.WaitFor

  defp outcome(fun) do
    ref = make_ref()
    WaitFor.start(fun, ref)
    assert_receive {WaitFor, ^ref, _} = message, 5_000
    assert WaitFor.event(message, make_ref()) == :none
    WaitFor.event(message, ref)
  end

  test "whatever is returned, it is done" do
    for value <- [:ok, nil, false, {:error, :x}], do: assert(outcome(fn -> value end) == :done)
  end

  test "a raise is a failure" do
    assert {:failed, {%RuntimeError{message: "no"}, [_ | _]}} = outcome(fn -> raise "no" end)
  end

  test "it blocks nobody, and is stopped" do
    test = self()

    wait =
      WaitFor.start(
        fn ->
          send(test, {:waits, self()})
          Process.sleep(:infinity)
        end,
        make_ref()
      )

    assert_receive {:waits, pid}, 5_000
    monitor = Process.monitor(pid)
    assert WaitFor.stop(wait) == :ok
    assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
    refute_received {WaitFor, _, _}
  end

  test "other messages are none of its" do
    assert WaitFor.event(:other, make_ref()) == :none
  end
end
