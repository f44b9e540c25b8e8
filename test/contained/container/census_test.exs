defmodule Contained.Container.CensusTest do
  use ExUnit.Case, async: true

  alias Contained.Container.Census

  @stranger %{pid: 50, ppid: 7, start_time: 1, name: "sleep"}

  test "a copy of the port program has not come before it is executed" do
    copy = %{@stranger | name: "contained_port"}
    {known, [], []} = Census.compare(%{}, [copy], [])
    {known, [], []} = Census.compare(known, [copy], [])
    assert {_known, [%{name: "sleep"}], []} = Census.compare(known, [@stranger], [])
    assert {_known, [], []} = Census.compare(known, [@stranger], [@stranger.pid])
  end
end
