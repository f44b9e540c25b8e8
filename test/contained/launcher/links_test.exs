defmodule Contained.Launcher.LinksTest do
  use ExUnit.Case, async: true

  alias Contained.Launcher.Links
  alias Contained.Protocol

  defp terms({links, frames}),
    do: {links, for(frame <- frames, do: :erlang.binary_to_term(IO.iodata_to_binary(frame)))}

  test "a link is opened once and closed once" do
    {links, [{:open_link, "a"}]} = terms(Links.change(Links.new(), {:open, "a", self()}))
    assert {^links, []} = Links.change(links, {:open, "a", self()})
    assert {none, [{:close_link, "a"}]} = terms(Links.change(links, {:close, "a"}))
    assert none == Links.new()
    assert {^none, []} = Links.change(none, {:close, "a"})
  end

  test "its owner is watched as long as it is open" do
    owner = spawn(fn -> receive(do: (:end -> :ok)) end)
    {links, _frames} = Links.change(Links.new(), {:open, "a", owner})
    {links, _frames} = Links.change(links, {:open, "b", owner})
    {_links, _frames} = Links.change(links, {:close, "b"})
    send(owner, :end)
    assert_receive {{:link_owner_down, "a"}, _monitor, :process, ^owner, _reason}, 2_000
    refute_receive {{:link_owner_down, "b"}, _monitor, :process, ^owner, _reason}, 20
  end

  test "a new port program is told of all" do
    {links, _frames} = Links.change(Links.new(), {:open, "a", self()})
    {links, _frames} = Links.change(links, {:open, "b", self()})
    assert {^links, frames} = Links.all(links)
    assert Enum.sort(frames) == Enum.sort([Protocol.open_link("a"), Protocol.open_link("b")])
  end
end
