defmodule Contained.InputTest do
  use ExUnit.Case, async: true

  alias Contained.Input

  @chunk 64 * 1024

  # The test process stands for the launcher and for the client.
  defp start(input) do
    ref = :erlang.alias()
    {Input.start(input, self(), ref), ref}
  end

  describe "chunks/1" do
    test "cuts long binaries and leaves nothing out" do
      data = :crypto.strong_rand_bytes(3 * @chunk + 5)
      chunks = Input.chunks(data)
      assert Enum.map(chunks, &byte_size/1) == [@chunk, @chunk, @chunk, 5]
      assert IO.iodata_to_binary(chunks) == data
    end

    test "joins small parts" do
      parts = for n <- 1..3_000, do: [:binary.copy("x", 100), "#{n}\n", ?y]
      chunks = Input.chunks(parts)
      assert IO.iodata_to_binary(chunks) == IO.iodata_to_binary(parts)
      assert length(chunks) <= 6
      assert Enum.all?(chunks, &(byte_size(&1) in 1..@chunk))
    end

    test "mixes both" do
      data = ["a", :binary.copy("b", 2 * @chunk + 1), [?c], :binary.copy("d", 100)]
      chunks = Input.chunks(data)
      assert IO.iodata_to_binary(chunks) == IO.iodata_to_binary(data)
      assert Enum.all?(chunks, &(byte_size(&1) in 1..@chunk))
    end

    test "of nothing are none" do
      assert Input.chunks("") == []
      assert Input.chunks([[], ""]) == []
    end
  end

  test "what fits the window is sent by the caller, with no process" do
    assert {nil, ref} = start({:iodata, ["hello", ?!]})
    assert_received {:contained, :write, ^ref, 0, "hello!", nil}, 2_000
    assert_received {:contained, :close_input, ^ref, 0}, 2_000
  end

  test "empty input is closed input" do
    assert {nil, ref} = start({:iodata, ""})
    assert_received {:contained, :close_input, ^ref, 0}, 2_000
    refute_received {:contained, :write, _, _, _, _}
  end

  test "no input is nothing at all" do
    assert {nil, _ref} = start(nil)
    refute_received {:contained, _, _}
  end

  test "larger iodata comes chunk by chunk, each when the last was taken" do
    {writer, ref} = start({:iodata, :binary.copy("x", 5 * @chunk)})
    Input.go(writer)

    for _ <- 1..5 do
      assert_receive {:contained, :write, ^ref, 0, chunk, reply}, 2_000
      assert byte_size(chunk) == @chunk
      refute_received {:contained, _, _, _, _}
      send(reply, {reply, :ok})
    end

    assert_receive {:contained, :close_input, ^ref, 0}, 2_000
    assert_receive {{:input_down, ^ref}, _, :process, _, :normal}, 2_000
  end

  test "an enumerable is not touched before go" do
    me = self()
    {writer, ref} = start({:enum, Stream.map(1..2, &(send(me, {:at, &1}) && "#{&1}\n"))})
    refute_receive {:at, _}, 20
    Input.go(writer)
    assert_receive {:contained, :write, ^ref, 0, "1\n", reply}, 2_000
    refute_received {:at, 2}
    send(reply, {reply, :ok})
    assert_receive {:contained, :write, ^ref, 0, "2\n", reply}, 2_000
    send(reply, {reply, :ok})
    assert_receive {:contained, :close_input, ^ref, 0}, 2_000
  end

  test "a command that reads no more halts the enumerable, and that is no error" do
    me = self()
    endless = Stream.resource(fn -> 0 end, &{["#{&1}"], &1 + 1}, fn _ -> send(me, :halted) end)
    {writer, ref} = start({:enum, endless})
    Input.go(writer)
    assert_receive {:contained, :write, ^ref, 0, "0", reply}, 2_000
    send(reply, {reply, {:error, :epipe}})
    assert_receive :halted, 2_000
    assert_receive {{:input_down, ^ref}, _, :process, _, :normal}, 2_000
    refute_received {:contained, :close_input, _, _}
  end

  test "what the enumerable raises goes to the session" do
    {writer, ref} = start({:enum, Stream.map([1], fn _ -> raise "no more" end)})
    Input.go(writer)

    assert_receive {^ref, {:input_raised, :error, %RuntimeError{message: "no more"}, [_ | _]}},
                   2_000
  end

  test "what is no iodata raises as well" do
    {writer, ref} = start({:enum, [:nonsense]})
    Input.go(writer)
    assert_receive {^ref, {:input_raised, :error, _, _}}, 2_000
  end

  test "the writer dies with its session, whatever its enumerable does" do
    {{pid, _} = writer, ref} =
      start({:enum, Stream.map([1], fn _ -> :timer.sleep(:infinity) end)})

    Input.go(writer)
    monitor = Process.monitor(pid)
    Input.stop(writer)
    assert_receive {:DOWN, ^monitor, _, _, :killed}, 2_000
    refute_received {{:input_down, ^ref}, _, _, _, _}
  end

  test "the writer dies with its owner" do
    test = self()
    sleepy = Stream.map([1], fn _ -> :timer.sleep(:infinity) end)

    owner =
      spawn(fn ->
        {pid, _} = writer = Input.start({:enum, sleepy}, test, make_ref())
        Input.go(writer)
        send(test, {:writer, pid})
        receive(do: (:never -> :ok))
      end)

    assert_receive {:writer, pid}, 2_000
    monitor = Process.monitor(pid)
    Process.exit(owner, :kill)
    assert_receive {:DOWN, ^monitor, _, _, :killed}, 2_000
  end

  test "the writer knows whom it writes for" do
    me = self()
    {writer, _} = start({:enum, Stream.map([1], &report_callers(&1, me))})
    Input.go(writer)
    assert_receive {:callers, [^me | _]}, 2_000
  end

  defp report_callers(_, to) do
    send(to, {:callers, Process.get(:"$callers")})
    "x"
  end
end
