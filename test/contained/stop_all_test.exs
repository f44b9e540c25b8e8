defmodule Contained.StopAllTest do
  # Stops what runs in this VM: alone.
  use Contained.Case, async: false

  alias Contained.{Process, Result}

  @moduletag :port

  test "all commands are listed, and stopped at the same time" do
    dedicated = start_supervised!({Contained.Launcher, []})
    {:ok, one} = Contained.start("sleep", ["1000"])
    {:ok, other} = Contained.start("sleep", ["1000"], launcher: dedicated)
    pids = Enum.map([one, other], &Process.os_pid/1)
    listed = for %{os_pid: os_pid} = row <- Contained.list(), os_pid in pids, do: row
    assert [%{program: _, owner: owner, launcher: _, since: %DateTime{}}, _] = listed
    assert owner == self()
    assert :ok = Contained.stop_all()
    refute Enum.any?(pids, &os_alive?/1)

    for process <- [one, other],
        do: assert({:ok, %Result{reason: :stopped}} = Process.await(process))

    assert :ok = Contained.stop_all(term: 10)
  end
end
