defmodule Contained.Launcher.SessionsTest do
  use ExUnit.Case, async: true

  alias Contained.Launcher.Sessions

  setup do
    {sessions, id, ref} = add(Sessions.new())
    %{sessions: sessions, id: id, ref: ref}
  end

  defp add(sessions, spec \\ %{}) do
    ref = make_ref()
    {id, sessions} = Sessions.reserve(sessions)
    spec = Map.merge(%{program: "/bin/x", stdin: :pipe}, spec)
    {Sessions.add(sessions, id, ref, {self(), {:monitor, id}}, spec), id, ref}
  end

  defp frame({:frame, iodata}) do
    {:frame, iodata |> IO.iodata_to_binary() |> :erlang.binary_to_term()}
  end

  defp frame(effect), do: effect

  defp frames({sessions, effects}), do: {sessions, Enum.map(effects, &frame/1)}

  test "ids rise, wrap at 2^31-1 and skip the living", %{sessions: sessions} do
    assert {2, sessions} = Sessions.reserve(sessions)
    assert {0x7FFFFFFF, sessions} = Sessions.reserve(%{sessions | next: 0x7FFFFFFF})
    assert {2, _} = Sessions.reserve(sessions)
  end

  test "a session knows where its output goes", %{sessions: sessions, id: id, ref: ref} do
    assert Sessions.ref(sessions, id) == ref
    assert Sessions.ref(sessions, 99) == nil
  end

  test "started is handed on, closed concerns nobody", %{sessions: sessions, id: id, ref: ref} do
    assert {sessions, [{:tell, ^ref, {:started, 42}}]} =
             Sessions.event(sessions, {:started, id, 42})

    assert [%{os_pid: 42, program: "/bin/x"}] = Sessions.list(sessions)

    assert {_, []} = Sessions.event(sessions, {:closed, id, :stdout})
  end

  test "ended is the end, for all who wait", %{sessions: sessions, id: id, ref: ref} do
    {sessions, _} = Sessions.stop(sessions, ref, :default, :stopper)
    {sessions, _} = Sessions.signal(sessions, ref, 1, :all, :signaller)

    assert {sessions, effects} = Sessions.event(sessions, {:ended, id, %{reason: :exit}})

    assert effects == [
             {:tell, ref, {:ended, %{reason: :exit}}},
             {:demonitor, {:monitor, id}},
             {:reply, :signaller, {:error, :esrch}},
             {:reply, :stopper, :ok}
           ]

    assert Sessions.size(sessions) == 0
    assert {_, []} = Sessions.event(sessions, {:ended, id, %{}})
  end

  test "the end of an orphan is handed on", %{sessions: sessions, id: id, ref: ref} do
    assert {^sessions, [{:tell, ^ref, {:orphan_exit, 43, {:exited, 120}}}]} =
             Sessions.event(sessions, {:orphan_exit, id, 43, {:exited, 120}})
  end

  test "an end with orphans is reported", %{sessions: sessions, id: id} do
    ended = %{reason: :exit, left_behind: 3, unkilled: 1}
    {_, effects} = Sessions.event(sessions, {:ended, id, ended})
    assert [{[:command, :left_behind], metadata}] = for({:report, e, m} <- effects, do: {e, m})
    assert %{left_behind: 3, unkilled: 1, program: _, os_pid: _, owner: _} = metadata

    {_, effects} = Sessions.event(sessions, {:ended, id, %{ended | left_behind: 0, unkilled: 0}})
    assert [] = for({:report, e, m} <- effects, do: {e, m})
  end

  test "failed is the end too", %{sessions: sessions, id: id, ref: ref} do
    assert {sessions, [{:tell, ^ref, {:failed, :exec, :enoent, "/bin/x"}}, {:demonitor, _}]} =
             Sessions.event(sessions, {:failed, id, :exec, :enoent, "/bin/x"})

    assert Sessions.size(sessions) == 0
  end

  test "after the end requests are answered without the program", %{ref: ref} do
    sessions = Sessions.new()
    assert {_, [{:reply, :me, :ok}]} = Sessions.stop(sessions, ref, :default, :me)
    assert {_, [{:reply, :me, {:error, :esrch}}]} = Sessions.signal(sessions, ref, 1, :all, :me)
    assert {_, [{:reply, :me, {:error, :closed}}]} = Sessions.write(sessions, ref, 0, "x", :me)
    assert {_, []} = Sessions.write(sessions, ref, 0, "x", nil)
    assert {_, []} = Sessions.close_input(sessions, ref, 0)
    assert {_, []} = Sessions.credit(sessions, ref, :stdout, 5)
  end

  test "requests become frames with the session's id", %{sessions: sessions, id: id, ref: ref} do
    assert {_, [{:frame, {:credit, ^id, :stderr, 5}}]} =
             frames(Sessions.credit(sessions, ref, :stderr, 5))

    assert {_, [{:frame, {:signal, ^id, 15, :leader}}]} =
             frames(Sessions.signal(sessions, ref, 15, :leader, :me))

    assert {_, [{:frame, {:stop, ^id, [{2, 10}]}}]} =
             frames(Sessions.stop(sessions, ref, [{2, 10}], nil))

    assert {_, [{:frame, {:input, ^id, "hi"}}, {:reply, :me, :ok}]} =
             frames(Sessions.write(sessions, ref, 0, "hi", :me))

    assert {_, [{:frame, {:close_input, ^id}}]} = frames(Sessions.close_input(sessions, ref, 0))
  end

  test "input waits for credit", %{sessions: sessions, id: id, ref: ref} do
    full = :binary.copy("x", 256 * 1024)
    {sessions, _} = Sessions.write(sessions, ref, 0, full, nil)
    assert {sessions, []} = Sessions.write(sessions, ref, 0, "more", :me)

    assert {sessions, [{:frame, {:input, ^id, "more"}}, {:reply, :me, :ok}]} =
             frames(Sessions.event(sessions, {:input_credit, id, 4}))

    assert {sessions, []} = Sessions.event(sessions, {:input_closed, id, :epipe})

    assert {_, [{:reply, :me, {:error, :epipe}}]} = Sessions.write(sessions, ref, 0, "more", :me)
  end

  test "signals are answered in their order", %{sessions: sessions, id: id, ref: ref} do
    {sessions, _} = Sessions.signal(sessions, ref, 1, :all, :first)
    {sessions, _} = Sessions.signal(sessions, ref, 2, :all, :second)
    assert {sessions, [{:reply, :first, :ok}]} = Sessions.event(sessions, {:signaled, id, :ok})

    assert {sessions, [{:reply, :second, {:error, :eperm}}]} =
             Sessions.event(sessions, {:signaled, id, :eperm})

    assert {_, []} = Sessions.event(sessions, {:signaled, id, :ok})
  end

  test "a refused start fails", %{sessions: sessions, id: id, ref: ref} do
    assert {sessions, [{:tell, ^ref, {:failed, :option, :einval, "bad_spec"}}, _]} =
             Sessions.event(sessions, {:refused, id, :start, :bad_spec})

    assert Sessions.size(sessions) == 0
  end

  test "a start refused at shutdown is the launcher's failure", %{sessions: sessions, id: id} do
    assert {_, [{:tell, _, {:failed, :launcher, :eshutdown, _}}, _]} =
             Sessions.event(sessions, {:refused, id, :start, :shutting_down})
  end

  test "other refusals leave the session alone", %{sessions: sessions, id: id, ref: ref} do
    assert {sessions, []} = Sessions.event(sessions, {:refused, id, :credit, :bad_credit})
    assert {sessions, []} = Sessions.event(sessions, {:refused, 0, :nonsense, :bad_request})
    {sessions, _} = Sessions.signal(sessions, ref, 99, :all, :me)

    assert {sessions, [{:reply, :me, {:error, :einval}}]} =
             Sessions.event(sessions, {:refused, id, :signal, :bad_request})

    assert Sessions.size(sessions) == 1
  end

  describe "controls" do
    test "are answered by their refs", %{sessions: sessions, id: id, ref: ref} do
      assert {sessions, [{:frame, {:control, ^id, one, :stats}}]} =
               frames(Sessions.control(sessions, ref, :stats, :first))

      assert {sessions, [{:frame, {:control, ^id, two, :path}}]} =
               frames(Sessions.control(sessions, ref, :path, :second))

      assert {sessions, [{:reply, :second, {:ok, "/x"}}]} =
               Sessions.event(sessions, {:answer, id, two, {:ok, "/x"}})

      refused = {:error, :cgroup, :enotsup, ""}

      assert {sessions, [{:reply, :first, ^refused}]} =
               Sessions.event(sessions, {:answer, id, one, refused})

      assert {_, []} = Sessions.event(sessions, {:answer, id, one, {:ok, nil}})
    end

    test "of a session that ends say so", %{sessions: sessions, id: id, ref: ref} do
      {sessions, _} = Sessions.control(sessions, ref, :stats, :me)
      assert {sessions, effects} = Sessions.event(sessions, {:ended, id, %{}})
      assert {:reply, :me, {:error, :signal, :esrch, ""}} in effects

      assert {_, [{:reply, :me, {:error, :signal, :esrch, ""}}]} =
               Sessions.control(sessions, ref, :stats, :me)
    end

    test "of no session", %{sessions: sessions, id: id, ref: ref} do
      assert {sessions, [{:frame, {:sweep, sweep}}]} = frames(Sessions.sweep(sessions, :me))

      {sessions, _} = Sessions.control(sessions, ref, :stats, :other)
      assert {done, _} = Sessions.event(sessions, {:ended, id, %{}})
      refute Sessions.idle?(done)

      assert {done, [{:reply, :me, {:ok, 3}}]} =
               Sessions.event(done, {:answer, 0, sweep, {:ok, 3}})

      assert Sessions.idle?(done)

      {_, effects} = Sessions.fail_all(sessions, :launcher_down)
      assert {:reply, :me, {:error, :launcher, :launcher_down, ""}} in effects
      assert {:reply, :other, {:error, :signal, :esrch, ""}} in effects
    end

    test "that are refused", %{sessions: sessions, id: id, ref: ref} do
      {sessions, _} = Sessions.control(sessions, ref, :stats, :first)
      {sessions, _} = Sessions.control(sessions, ref, :stats, :second)

      assert {_, [{:reply, :first, {:error, :option, :einval, "bad_request"}}]} =
               Sessions.event(sessions, {:refused, id, :control, :bad_request})
    end
  end

  test "the owner's death stops the command by its ladder", %{sessions: sessions, id: id} do
    assert {_, [{:frame, {:stop, ^id, :default}}]} = frames(Sessions.owner_down(sessions, id))
    assert {_, []} = Sessions.owner_down(sessions, 99)
  end

  test "all of them are told when the program is gone", %{sessions: sessions, ref: first} do
    {sessions, _id, second} = add(sessions)
    {sessions, _} = Sessions.stop(sessions, second, [], :stopper)
    assert {gone, effects} = Sessions.fail_all(sessions, :launcher_down)
    assert {:tell, first, :launcher_down} in effects
    assert {:tell, second, :launcher_down} in effects
    assert {:reply, :stopper, :ok} in effects
    assert Sessions.size(gone) == 0
    assert gone.next == sessions.next
  end

  test "the longest ladder counts, also one given with a stop", %{sessions: sessions} do
    {sessions, _id, ref} = add(sessions, %{stop: [{15, 700}, {2, 50}]})
    assert Sessions.longest_grace(sessions) == 750
    {sessions, _} = Sessions.stop(sessions, ref, [], nil)
    assert Sessions.longest_grace(sessions) == 500
    assert Sessions.longest_grace(Sessions.new()) == 0
  end

  test "an idle session takes a few hundred bytes", %{sessions: empty} do
    words = fn sessions -> :erts_debug.flat_size(sessions) * :erlang.system_info(:wordsize) end
    spec = %{stdin: :open}
    full = Enum.reduce(1..100, empty, fn _, acc -> acc |> add(spec) |> elem(0) end)
    assert (words.(full) - words.(empty)) / 100 < 600
  end

  describe "the places of a session" do
    defp ask(sessions, ref, operation) do
      {sessions, [{:frame, frame}]} = Sessions.control(sessions, ref, operation, :asker)

      {:control, _id, control, ^operation} =
        frame |> IO.iodata_to_binary() |> :erlang.binary_to_term()

      {sessions, control}
    end

    @places [{[], "/g/1", 7, nil}]

    test "are noted before who has asked is told, and forgotten at the end", context do
      %{sessions: sessions, id: id, ref: ref} = context
      {sessions, control} = ask(sessions, ref, :places)

      assert {sessions, [{:places, ^ref, @places}, {:reply, :asker, {:ok, @places}}]} =
               Sessions.event(sessions, {:answer, id, control, {:ok, @places}})

      assert {_, [{:places, ^ref, nil}, {:tell, ^ref, :launcher_down} | _]} =
               Sessions.fail(sessions, id, :launcher_down)
    end

    test "are forgotten when there may be more of them", context do
      %{sessions: sessions, id: id, ref: ref} = context
      {sessions, first} = ask(sessions, ref, :places)
      {sessions, second} = ask(sessions, ref, {:set_limits, [{"pids", "5"}]})
      {sessions, _} = Sessions.event(sessions, {:answer, id, first, {:ok, @places}})

      assert {sessions, [{:places, ^ref, nil}, {:reply, :asker, {:ok, nil}}]} =
               Sessions.event(sessions, {:answer, id, second, {:ok, nil}})

      {sessions, third} = ask(sessions, ref, {:set_limits, []})
      answer = {:error, :limit, :einval, "x"}

      assert {_, [{:reply, :asker, ^answer}]} =
               Sessions.event(sessions, {:answer, id, third, answer})
    end

    test "that are not told are not noted", %{sessions: sessions, id: id, ref: ref} do
      {sessions, control} = ask(sessions, ref, :places)
      answer = {:error, :cgroup, :enoent, ""}

      assert {sessions, [{:reply, :asker, ^answer}]} =
               Sessions.event(sessions, {:answer, id, control, answer})

      assert {_, [{:tell, ^ref, _} | _]} = Sessions.fail(sessions, id, :launcher_down)
    end
  end
end
