defmodule Contained.Integration.FdsTest do
  use Contained.Case, async: true

  @moduletag :port

  alias Contained.Process, as: Command

  test "run/3 tells outputs apart and feeds inputs to their end" do
    script = "cat <&4 >&3; echo out; echo err >&2; echo five >&5"
    fds = [{3, :output}, {4, {:input, ["in", "put"]}}, {5, :output}]
    {:ok, result} = Contained.run("sh", ["-c", script], fds: fds)
    assert result.fds == %{3 => "input", 5 => "five\n"}
    assert {result.stdout, result.stderr, result.status} == {"out\n", "err\n", 0}
  end

  test "a command has the descriptors it was given and no other" do
    fds = %{3 => :null, 7 => :stdout, 9 => :stderr, 63 => :output}
    {:ok, result} = Contained.run("sh", ["-c", "ls /proc/$$/fd; :"], fds: fds)
    numbers = result.stdout |> String.split() |> Enum.map(&String.to_integer/1) |> Enum.sort()
    assert numbers -- [10, 255] == [0, 1, 2, 3, 7, 9, 63]
    {:ok, plain} = Contained.run("sh", ["-c", "ls /proc/$$/fd; :"])
    assert (plain.stdout |> String.split() |> Enum.sort()) -- ["10", "255"] == ["0", "1", "2"]
  end

  test "what stands for stdout is stdout" do
    {:ok, result} =
      Contained.run("sh", ["-c", "echo one; echo two >&4; echo three >&5"],
        fds: [{4, :stdout}, {5, :stderr}]
      )

    assert {result.stdout, result.stderr} == {"one\ntwo\n", "three\n"}
  end

  test "a megabyte in and out of further descriptors, past every window" do
    data = :crypto.strong_rand_bytes(3_000_000)

    {:ok, result} =
      Contained.run("sh", ["-c", "cat <&3 >&4"],
        fds: [{3, {:input, data}}, {4, :output}],
        window: 1000
      )

    assert result.fds[4] == data
  end

  test "a conversation by descriptors" do
    {:ok, process} =
      Contained.start("sh", ["-c", "while read line <&3; do echo got $line >&4; done"],
        fds: [{3, :input}, {4, :output}]
      )

    assert :ok = Command.write(process, 3, "one\n")
    assert {{:fd, 4}, "got one\n"} = Command.next(process, 10_000)
    assert :ok = Command.write(process, 3, "two\n")
    assert {{:fd, 4}, "got two\n"} = Command.next(process, 10_000)
    assert :ok = Command.close(process, 3)
    assert {:ok, %{status: 0, fds: %{4 => ""}}} = Command.await(process)
  end

  test "a command that does not read its descriptor holds only its writer up" do
    {:ok, process} = Contained.start("sleep", ["600"], fds: [{3, :input}])
    writer = Task.async(fn -> Command.write(process, 3, :binary.copy("x", 1_000_000)) end)
    refute Task.yield(writer, 50)
    assert :ok = Command.stop(process)
    assert {:error, reason} = Task.await(writer)
    assert reason in [:closed, :epipe]
  end

  test "a descriptor that is not fed refuses what is written" do
    {:ok, process} = Contained.start("sleep", ["600"], fds: [{3, :output}])
    assert Command.write(process, 3, "x") == {:error, :not_piped}
    assert Command.write(process, 4, "x") == {:error, :not_piped}
    assert :ok = Command.stop(process, [])
  end

  test "an end that was closed is told as for stdin" do
    {:ok, process} =
      Contained.start("sh", ["-c", "exec 3<&-; echo closed; sleep 600"], fds: [{3, :input}])

    assert {:stdout, "closed\n"} = Command.next(process, 10_000)
    assert eventually(fn -> Command.write(process, 3, "x") == {:error, :epipe} end)
    assert :ok = Command.stop(process, [])
  end

  test "wrong descriptors are refused by name" do
    for wrong <- [[{2, :output}], [{64, :null}], [{3, :file}], [{3, :null}, {3, :null}], :all] do
      assert_raise ArgumentError, ~r/invalid value for option :fds: expected pairs/, fn ->
        Contained.run("true", [], fds: wrong)
      end
    end

    assert_raise ArgumentError, ~r/invalid option :fds/, fn ->
      Contained.cmd("true", [], fds: [{3, :null}])
    end
  end
end
