defmodule Contained.SessionTest do
  use ExUnit.Case, async: true

  alias Contained.{Command, Error, Session}

  # The test process plays the launcher; the client is a task of it.

  defp command(spec \\ %{}, fields \\ []) do
    spec = Map.merge(%{program: "/bin/x", args: ["x"]}, spec)
    struct!(Command, [launcher: self(), spec: spec] ++ fields)
  end

  defp client(fun) do
    test = self()

    spawn_link(fn ->
      result =
        try do
          {:ok, fun.()}
        catch
          kind, reason -> {kind, reason}
        end

      {:messages, left} = Process.info(self(), :messages)
      {:monitors, monitors} = Process.info(self(), :monitors)
      send(test, {:result, result, left, monitors})
    end)
  end

  defp collect(command, fun \\ fn acc, stream, data -> [{stream, data} | acc] end) do
    client(fn -> Session.collect(command, [], fun) end)
    assert_receive {:contained, :start, ref, owner, spec}, 2_000
    assert Map.delete(spec, :hold_started) == command.spec
    assert is_pid(owner)
    ref
  end

  defp tell(ref, message), do: send(ref, {ref, message})

  defp assert_result(timeout \\ 1_000) do
    assert_receive {:result, result, [], []}, timeout
    result
  end

  @ended %{status: {:exited, 0}, reason: :exit}

  test "output is folded in its order until the end" do
    ref = collect(command())
    tell(ref, {:started, 42})
    tell(ref, {:output, 1, "a"})
    tell(ref, {:output, 2, "b"})
    tell(ref, {:output, 1, "c"})
    tell(ref, {:ended, @ended})
    assert {:ok, {acc, {:ended, 42, @ended}}} = assert_result()
    assert Enum.reverse(acc) == [stdout: "a", stderr: "b", stdout: "c"]
  end

  test "a command that cannot be started says why" do
    ref = collect(command())
    tell(ref, {:failed, :exec, :enoent, "/bin/x"})
    assert {:ok, {[], {:failed, error}}} = assert_result()
    assert error == %Error{stage: :exec, reason: :enoent, subject: "/bin/x"}
  end

  test "the port program's end is the command's" do
    ref = collect(command())
    tell(ref, {:started, 42})
    tell(ref, {:output, 1, "a"})
    tell(ref, :launcher_down)
    assert {:ok, {[stdout: "a"], {:launcher_down, 42}}} = assert_result()
  end

  test "the launcher's end is the command's" do
    launcher = spawn(fn -> receive(do: ({:contained, :start, _, _, _} -> exit(:boom))) end)
    client(fn -> Session.collect(%{command() | launcher: launcher}, [], &flunk_on/3) end)
    assert {:ok, {[], {:launcher_down, nil}}} = assert_result()
  end

  defp flunk_on(_acc, _stream, _data), do: flunk("no output expected")

  test "a launcher that is not there has started nothing" do
    {launcher, monitor} = spawn_monitor(fn -> :ok end)
    assert_receive {:DOWN, ^monitor, _, _, _}, 2_000
    client(fn -> Session.collect(%{command() | launcher: launcher}, [], &flunk_on/3) end)
    assert {:ok, {[], {:failed, %Error{stage: :launcher, reason: :noproc}}}} = assert_result()
  end

  test "a name that nobody has is named" do
    client(fn -> Session.collect(%{command() | launcher: :nobody}, [], &flunk_on/3) end)
    assert {:ok, {[], {:failed, error}}} = assert_result()
    assert error == %Error{stage: :launcher, reason: :noproc, subject: ":nobody"}
  end

  test "credit is granted by quarters of the window, per stream" do
    ref = collect(command(%{window: 200}))
    tell(ref, {:started, 42})
    tell(ref, {:output, 1, String.duplicate("x", 49)})
    tell(ref, {:output, 2, String.duplicate("x", 49)})
    refute_receive {:contained, :credit, _, _, _}, 20
    tell(ref, {:output, 1, "yz"})
    assert_receive {:contained, :credit, ^ref, :stdout, 51}, 2_000
    tell(ref, {:output, 2, "y"})
    assert_receive {:contained, :credit, ^ref, :stderr, 50}, 2_000
    tell(ref, {:ended, @ended})
    assert_result()
  end

  test "no credit for what the consumer still works on" do
    test = self()
    wait = fn acc, _, _ -> send(test, {:working, self()}) && receive(do: (:go_on -> acc)) end
    ref = collect(command(%{window: 2}), wait)
    tell(ref, {:output, 1, "abc"})
    assert_receive {:working, pid}, 2_000
    refute_received {:contained, :credit, _, _, _}
    send(pid, :go_on)
    assert_receive {:contained, :credit, ^ref, :stdout, 3}, 2_000
    tell(ref, {:ended, @ended})
    assert_result()
  end

  test "a consumer that raises does so after the command is dead" do
    ref = collect(command(), fn _, _, _ -> throw(:enough) end)
    tell(ref, {:output, 1, "a"})
    assert_receive {:contained, :stop, ^ref, :default, nil}, 2_000
    tell(ref, {:output, 1, "b"})
    refute_receive {:result, _, _, _}, 20
    tell(ref, {:ended, @ended})
    assert assert_result() == {:throw, :enough}
    tell(ref, {:output, 1, "to nobody"})
  end

  test "the input's enumerable raises in the caller, after the command is dead" do
    input = {:enum, Stream.map([1], fn _ -> raise "no more" end)}
    ref = collect(command(%{stdin: :pipe}, input: input))
    tell(ref, {:started, 42})
    assert_receive {:contained, :stop, ^ref, :default, nil}, 2_000
    tell(ref, {:ended, @ended})
    assert {:error, %RuntimeError{message: "no more"}} = assert_result()
  end

  test "a writer that is killed is no end of input" do
    test = self()
    stuck = Stream.map([1], fn _ -> send(test, {:writer, self()}) && :timer.sleep(:infinity) end)
    ref = collect(command(%{stdin: :pipe}, input: {:enum, stuck}))
    tell(ref, {:started, 42})
    assert_receive {:writer, pid}, 2_000
    Process.exit(pid, :kill)
    assert_receive {:contained, :stop, ^ref, :default, nil}, 2_000
    tell(ref, {:ended, @ended})
    assert {:exit, {:input_writer, :killed}} = assert_result()
  end

  test "an endless input does not keep the end from the caller" do
    test = self()
    stuck = Stream.map([1], fn _ -> send(test, {:writer, self()}) && :timer.sleep(:infinity) end)
    ref = collect(command(%{stdin: :pipe}, input: {:enum, stuck}))
    tell(ref, {:started, 42})
    assert_receive {:writer, pid}, 2_000
    monitor = Process.monitor(pid)
    tell(ref, {:ended, @ended})
    assert {:ok, {[], {:ended, 42, @ended}}} = assert_result()
    assert_receive {:DOWN, ^monitor, _, _, :killed}, 2_000
  end

  test "the caller's own deadline holds when the launcher says nothing" do
    ref = collect(command(%{timeout: 1}, deadline: 20))
    tell(ref, {:started, 42})
    assert {:ok, {[], {:launcher_down, 42}}} = assert_result()
    assert_receive {:contained, :stop, ^ref, [], nil}, 2_000
  end

  test "foreign messages stay, ours do not" do
    test = self()
    command = command()

    spawn_link(fn ->
      send(self(), {:ended, :foreign})
      send(self(), {make_ref(), {:output, 1, "foreign"}})
      {acc, _} = Session.collect(command, "", fn acc, _, data -> acc <> data end)
      send(test, {:left, acc, Process.info(self(), :messages)})
    end)

    assert_receive {:contained, :start, ref, _, _}, 2_000
    tell(ref, {:output, 1, "ours"})
    tell(ref, {:ended, @ended})
    assert_receive {:left, "ours", {:messages, [{:ended, :foreign}, {_, {:output, 1, _}}]}}, 2_000
  end

  # Without the compiler's optimisation each message costs a scan: seconds instead of milliseconds.
  test "what waits in the mailbox costs nothing" do
    test = self()
    command = command()

    spawn_link(fn ->
      for n <- 1..200_000, do: send(self(), {:foreign, n})
      send(test, {:timed, :timer.tc(fn -> Session.collect(command, 0, &count/3) end)})
    end)

    assert_receive {:contained, :start, ref, _, _}, 5_000
    for _ <- 1..2_000, do: tell(ref, {:output, 1, "x"})
    tell(ref, {:ended, @ended})
    assert_receive {:timed, {micros, {2_000, _}}}, 30_000
    assert micros < 1_000_000
  end

  defp count(n, :stdout, "x"), do: n + 1

  describe "open/1" do
    test "waits for the start and tells a failure" do
      command = command()
      client(fn -> Session.open(command) end)
      assert_receive {:contained, :start, ref, _, _}, 2_000
      refute_receive {:result, _, _, _}, 20
      tell(ref, {:failed, :chdir, :enotdir, "/etc/passwd"})
      assert {:ok, {:error, %Error{stage: :chdir, reason: :enotdir}}} = assert_result()
    end

    test "does not wait for ever" do
      command = command(%{timeout: 1}, deadline: 10)
      client(fn -> Session.open(command) end)
      assert {:ok, {:error, %Error{stage: :launcher, reason: :launcher_down}}} = assert_result()
    end
  end
end
