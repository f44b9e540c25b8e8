defmodule Contained.StreamTest do
  use ExUnit.Case, async: true

  import Contained.FakeLauncher

  alias Contained.{Error, Stream}

  # The consumer is a task, the test plays the launcher.
  defp consume(spec, fields, fun) do
    stream = Stream.new(command(new(), spec, fields))
    task = Task.async(fn -> fun.(stream) end)
    assert_receive {:contained, :start, ref, owner, _}, 2_000
    assert owner == task.pid
    {task, ref}
  end

  test "nothing starts before it is enumerated, in the process that enumerates" do
    launcher = new()
    stream = Stream.new(command(launcher))
    refute_receive {:contained, _, _, _, _}, 20
    task = Task.async(fn -> Enum.to_list(stream) end)
    assert_receive {:contained, :start, ref, owner, _}, 2_000
    assert owner == task.pid
    tell(ref, {:ended, ended()})
    assert Task.await(task) == []
  end

  test "each enumeration is a command of its own" do
    stream = Stream.new(command(new()))

    for data <- ["a", "b"] do
      task = Task.async(fn -> Enum.to_list(stream) end)
      assert_receive {:contained, :start, ref, _, _}, 2_000
      tell(ref, {:output, 1, data})
      tell(ref, {:ended, ended()})
      assert Task.await(task) == [data]
    end
  end

  test "elements carry the stream's name when there are two" do
    {task, ref} = consume(%{stdout: :pipe, stderr: :pipe}, [], &Enum.to_list/1)
    tell(ref, {:output, 2, "a"})
    tell(ref, {:output, 1, "b"})
    tell(ref, {:ended, ended()})
    assert Task.await(task) == [stderr: "a", stdout: "b"]
  end

  test "lines are cut per stream, the last needs no end" do
    spec = %{stdout: :pipe, stderr: :pipe}
    {task, ref} = consume(spec, [lines: true], &Enum.to_list/1)
    tell(ref, {:output, 1, "one\ntw"})
    tell(ref, {:output, 2, "err"})
    tell(ref, {:output, 1, "o\nthree"})
    tell(ref, {:ended, ended()})
    assert Task.await(task) == [stdout: "one", stdout: "two", stdout: "three", stderr: "err"]
  end

  test "a bad end raises, after the last element" do
    test = self()
    each = fn element -> send(test, {:element, element}) end
    catch_it = fn stream -> catch_error(Enum.each(stream, each)) end
    {task, ref} = consume(%{}, [lines: true], catch_it)
    tell(ref, {:output, 1, "last"})
    tell(ref, {:ended, ended(%{status: {:exited, 7}})})

    assert %Error{stage: :exit, reason: :exit_status, subject: "/bin/x"} =
             error = Task.await(task)

    assert error.result.status == 7
    assert_received {:element, "last"}
  end

  test "the launcher's end is a bad end" do
    {task, ref} = consume(%{}, [], fn stream -> catch_error(Enum.to_list(stream)) end)
    tell(ref, :launcher_down)
    assert %Error{reason: :launcher_down, stage: :exit, result: result} = Task.await(task)
    assert %{reason: :launcher_down, os_pid: 42} = result
  end

  test "yield_exit makes the end the last element" do
    for {ended, exit} <- [
          {ended(), 0},
          {ended(%{status: {:signaled, 9, false}, reason: :signal}), 137},
          {ended(%{status: {:signaled, 15, false}, reason: :timeout}), :timeout}
        ] do
      {task, ref} = consume(%{}, [yield_exit: true], &Enum.to_list/1)
      tell(ref, {:output, 1, "a"})
      tell(ref, {:ended, ended})
      assert Task.await(task) == ["a", {:exit, exit}]
    end
  end

  test "a command that cannot be started raises" do
    assert_raise Error, ~r/not running/, fn -> Enum.to_list(Stream.new(command(:nobody))) end
  end

  test "halting early stops the command, and returns when it is dead" do
    {task, ref} = consume(%{}, [], &Enum.take(&1, 1))
    tell(ref, {:output, 1, "a"})
    assert_receive {:contained, :stop, ^ref, :default, nil}, 2_000
    assert Task.yield(task, 20) == nil
    tell(ref, {:output, 1, "b"})
    tell(ref, {:ended, ended(%{reason: :stopped})})
    assert Task.await(task) == ["a"]
  end

  test "a consumer that raises stops the command as well" do
    {task, ref} = consume(%{}, [], &catch_throw(Enum.each(&1, fn _ -> throw(:enough) end)))
    tell(ref, {:output, 1, "a"})
    assert_receive {:contained, :stop, ^ref, :default, nil}, 2_000
    tell(ref, {:ended, ended(%{reason: :stopped})})
    assert Task.await(task) == :enough
  end

  test "credit comes as elements are taken, not before" do
    test = self()

    wait = fn data ->
      send(test, {:at, data, self()})
      receive(do: (:go_on -> data))
    end

    {task, ref} = consume(%{window: 2}, [], &Enum.map(&1, wait))
    for data <- ["a", "b", "c"], do: tell(ref, {:output, 1, data})
    assert_receive {:at, "a", pid}, 2_000
    assert_receive {:contained, :credit, ^ref, :stdout, 1}, 2_000
    refute_receive {:contained, :credit, _, _, _}, 20
    for data <- ["b", "c"], do: send(pid, :go_on) && assert_receive({:at, ^data, _}, 2_000)
    send(pid, :go_on)
    tell(ref, {:ended, ended()})
    assert Task.await(task) == ["a", "b", "c"]
  end

  test "two streams can be zipped: each may be suspended" do
    launcher = new()
    stream = Stream.new(command(launcher))
    task = Task.async(fn -> Enum.zip(stream, stream) end)
    assert_receive {:contained, :start, one, _, _}, 2_000
    tell(one, {:output, 1, "a"})
    assert_receive {:contained, :start, two, _, _}, 2_000
    tell(two, {:output, 1, "b"})
    for ref <- [one, two], do: tell(ref, {:ended, ended()})
    assert Task.await(task) == [{"a", "b"}]
  end
end
