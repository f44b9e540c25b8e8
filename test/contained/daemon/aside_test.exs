defmodule Contained.Daemon.AsideTest do
  use Contained.Case, async: true

  alias Contained.Daemon.Aside

  defp forever(test) do
    fn ->
      send(test, {:running, self()})
      Process.sleep(:infinity)
    end
  end

  test "tells what the function returned" do
    ref = make_ref()
    Aside.start(:tag, ref, fn -> 42 end)
    assert_receive {:tag, ^ref, 42}, 5_000
  end

  test "tells how it failed, as a process would have exited" do
    for {fun, match} <- [
          {fn -> raise "no" end, quote(do: {%RuntimeError{message: "no"}, [_ | _]})},
          {fn -> throw(:no) end, quote(do: {{:nocatch, :no}, [_ | _]})},
          {fn -> exit(:no) end, quote(do: :no)}
        ] do
      ref = make_ref()
      Aside.start(:tag, ref, fun)
      assert_receive {:tag, ^ref, {:failed, reason}}, 5_000
      assert {true, _} = Code.eval_quoted(quote(do: match?(unquote(match), var!(r))), r: reason)
    end
  end

  test "tells of a death from outside" do
    ref = make_ref()
    Aside.start(:tag, ref, forever(self()))
    assert_receive {:running, pid}, 5_000
    Process.exit(pid, :kill)
    assert_receive {:tag, ^ref, {:failed, :killed}}, 5_000
  end

  test "ends with its owner" do
    test = self()

    owner =
      spawn(fn -> Aside.start(:tag, make_ref(), forever(test)) && Process.sleep(:infinity) end)

    assert_receive {:running, pid}, 5_000
    monitor = Process.monitor(pid)
    Process.exit(owner, :kill)
    assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
  end

  test "is stopped, and tells nothing any more" do
    aside = Aside.start(:tag, make_ref(), forever(self()))
    assert_receive {:running, pid}, 5_000
    monitor = Process.monitor(pid)
    assert Aside.stop(aside) == :ok
    assert_receive {:DOWN, ^monitor, _, _, _}, 5_000

    aside = Aside.start(:tag, make_ref(), fn -> 1 end)
    eventually(fn -> queued(self()) == 1 end)
    assert Aside.stop(aside) == :ok
    refute_received _
  end

  test "leaves neither links nor monitors" do
    before = Process.info(self(), [:links, :monitors])
    Aside.start(:tag, make_ref(), fn -> 1 end)
    assert_receive {:tag, _, 1}, 5_000
    assert Process.info(self(), [:links, :monitors]) == before
  end

  test "knows who called it" do
    me = self()
    Aside.start(:tag, make_ref(), fn -> Process.get(:"$callers") end)
    assert_receive {:tag, _, [^me | _]}, 5_000
  end
end
