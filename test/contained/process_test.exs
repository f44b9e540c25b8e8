defmodule Contained.ProcessTest do
  use Contained.Case, async: true

  import Contained.FakeLauncher

  alias Contained.{Error, Process, Result, Session}

  defp open(spec \\ %{}, fields \\ []) do
    {:ok, process} = Session.open(command(new(), spec, fields))
    assert_receive {:contained, :start, ref, owner, _}, 2_000
    assert owner == self()
    {process, ref}
  end

  # What a request of another process is answered with.
  defp answer(kind, fun, answer) do
    task = Task.async(fun)
    assert_receive request when elem(request, 1) == kind, 2_000
    reply = elem(request, tuple_size(request) - 1)
    send(reply, {reply, answer})
    {Task.await(task), request}
  end

  test "knows its OS pid" do
    {process, _} = open()
    assert Process.os_pid(process) == 42
  end

  describe "await/2" do
    test "collects the streams apart" do
      {process, ref} = open(%{stderr: :pipe})
      tell(ref, {:output, 1, "a"})
      tell(ref, {:output, 2, "b"})
      tell(ref, {:output, 1, "c"})
      tell(ref, {:ended, ended(%{status: {:exited, 3}})})
      assert {:ok, result} = Process.await(process)
      assert %Result{stdout: "ac", stderr: "b", status: 3, os_pid: 42, reason: :exit} = result
    end

    test "has nothing for a stream that is not piped" do
      {process, ref} = open(%{stdout: :null})
      tell(ref, {:ended, ended()})
      assert {:ok, %Result{stdout: nil, stderr: nil}} = Process.await(process)
    end

    test "is for the owner alone" do
      {process, _} = open()
      task = Task.async(fn -> catch_error(Process.await(process)) end)
      assert %ArgumentError{message: "only the process that started" <> _} = Task.await(task)
    end

    test "works once" do
      {process, ref} = open()
      tell(ref, {:ended, ended()})
      assert {:ok, _} = Process.await(process)
      assert {:error, %Error{reason: :closed}} = Process.await(process)
    end

    test "stops the command when the time is over, and has what it wrote" do
      {process, ref} = open()
      tell(ref, {:output, 1, "some"})
      launcher = process.launcher
      owner = self()

      # In the owner's place, which is waiting.
      spawn_link(fn ->
        poll_messages(owner, fn -> send_stopped(owner, ref) end)
      end)

      assert {:error, %Error{reason: :timeout, result: result}} = Process.await(process, 20)
      assert %Result{stdout: "some", reason: :stopped} = result
      assert process.launcher == launcher
    end

    test "tells that the launcher has gone" do
      {process, ref} = open()
      tell(ref, {:output, 1, "some"})
      tell(ref, :launcher_down)

      assert {:ok, %Result{reason: :launcher_down, status: nil, stdout: "some"}} =
               Process.await(process)
    end

    test "tells that the launcher was killed" do
      {process, _} = open()
      Elixir.Process.unlink(process.launcher)
      Elixir.Process.exit(process.launcher, :kill)
      assert {:ok, %Result{reason: :launcher_down}} = Process.await(process)
    end

    test "does not wait beyond the command's own time" do
      {process, ref} = open(%{timeout: 1}, deadline: 20)
      assert {:ok, %Result{reason: :launcher_down}} = Process.await(process)
      assert_receive {:contained, :stop, ^ref, [], nil}, 2_000
    end
  end

  # The stop request waits in the owner's mailbox, for the owner is the test that gets all requests.
  defp poll_messages(owner, fun) do
    eventually(fn ->
      {:messages, messages} = Elixir.Process.info(owner, :messages)
      Enum.find(messages, &match?({:contained, :stop, _, _, _}, &1))
    end)

    fun.()
  end

  defp send_stopped(owner, ref) do
    {:messages, messages} = Elixir.Process.info(owner, :messages)
    {_, _, _, :default, reply} = Enum.find(messages, &match?({:contained, :stop, _, _, _}, &1))
    tell(ref, {:ended, ended(%{reason: :stopped, status: {:signaled, 15, false}})})
    send(reply, {reply, :ok})
  end

  describe "next/2" do
    test "tells one event after the other" do
      {process, ref} = open()
      tell(ref, {:output, 1, "a"})
      tell(ref, {:output, 2, "b"})
      assert Process.next(process) == {:stdout, "a"}
      assert Process.next(process) == {:stderr, "b"}
      assert Process.next(process, 10) == {:error, :timeout}
      tell(ref, {:ended, ended()})
      assert {:ended, %Result{status: 0}} = Process.next(process)
      assert Process.next(process) == {:error, :closed}
    end

    test "grants credit by quarters of the window" do
      {process, ref} = open(%{window: 12})
      for data <- ["a", "bc"], do: tell(ref, {:output, 1, data})
      Process.next(process)
      refute_receive {:contained, :credit, _, _, _}, 20
      Process.next(process)
      assert_receive {:contained, :credit, ^ref, :stdout, 3}, 2_000
    end

    test "raises what the input raised, after the command is dead" do
      test = self()
      input = {:enum, Stream.map([1], fn _ -> send(test, :asked) && raise("no more") end)}

      reader =
        Task.async(fn ->
          {:ok, process} =
            Session.open(command(launcher_for(test), %{stdin: :pipe}, input: input))

          catch_error(Process.next(process))
        end)

      assert_receive {:contained, :stop, ref, :default, nil}, 2_000
      tell(ref, {:ended, ended()})
      assert %RuntimeError{message: "no more"} = Task.await(reader)
    end
  end

  defp launcher_for(test) do
    spawn_link(fn ->
      receive do
        {:contained, :start, ref, _, _} -> tell(ref, {:started, 42})
      end

      receive(do: (message -> send(test, message)))
      receive(do: (:never -> :ok))
    end)
  end

  describe "by any process" do
    test "write/2 waits for the answer, chunk by chunk" do
      {process, ref} = open()
      data = :binary.copy("x", 100_000)
      task = Task.async(fn -> Process.write(process, data) end)
      assert_receive {:contained, :write, ^ref, 0, first, reply}, 2_000
      assert byte_size(first) == 64 * 1024
      refute_receive {:contained, :write, _, _, _, _}, 20
      send(reply, {reply, :ok})
      assert_receive {:contained, :write, ^ref, 0, second, reply}, 2_000
      assert first <> second == data
      send(reply, {reply, :ok})
      assert Task.await(task) == :ok
    end

    test "write/2 ends with the first error" do
      {process, _} = open()
      write = fn -> Process.write(process, :binary.copy("x", 100_000)) end
      assert {{:error, :epipe}, _} = answer(:write, write, {:error, :epipe})
      refute_received {:contained, :write, _, _, _, _}
    end

    test "writing nothing asks nobody" do
      {process, _} = open()
      assert Process.write(process, ["", []]) == :ok
    end

    test "close_stdin/1" do
      {process, ref} = open()
      assert Process.close_stdin(process) == :ok
      assert_receive {:contained, :close_input, ^ref, 0}, 2_000
    end

    test "signal/3 takes names and numbers" do
      {process, ref} = open()
      assert {:ok, request} = answer(:signal, fn -> Process.signal(process, :hup) end, :ok)
      assert {:contained, :signal, ^ref, 1, :all, _} = request
      signal = fn -> Process.signal(process, 10, :leader) end
      assert {{:error, :esrch}, request} = answer(:signal, signal, {:error, :esrch})
      assert {:contained, :signal, ^ref, 10, :leader, _} = request
      assert_raise ArgumentError, fn -> Process.signal(process, :nonsense) end
    end

    test "stop/2 takes a ladder of names" do
      {process, ref} = open()
      stop = fn -> Process.stop(process, int: 200, term: 1_000) end

      assert {:ok, {:contained, :stop, ^ref, [{2, 200}, {15, 1_000}], _}} =
               answer(:stop, stop, :ok)

      assert {:ok, request} = answer(:stop, fn -> Process.stop(process) end, :ok)
      assert {:contained, :stop, ^ref, :default, _} = request
      assert_raise ArgumentError, ~r/rung/, fn -> Process.stop(process, [:term]) end
    end

    test "when the launcher is gone, so is the command" do
      {process, _} = open()
      Elixir.Process.unlink(process.launcher)
      Elixir.Process.exit(process.launcher, :kill)
      assert Process.write(process, "x") == {:error, :closed}
      assert Process.signal(process, :term) == {:error, :esrch}
      assert Process.stop(process) == :ok
    end
  end
end
