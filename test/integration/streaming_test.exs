defmodule Contained.StreamingTest do
  # Input and output through the real port program.
  use Contained.Case, async: false

  alias Contained.Process

  @moduletag :port

  test "a consumer that sleeps holds the command, not the memory" do
    {:ok, process} = Contained.start("head", ["-c", "200000000", "/dev/zero"], window: 1_000_000)
    {:stdout, first} = Process.next(process, 5_000)

    # Nothing more comes than the window, however long one waits.
    eventually(fn -> unread(self()) + byte_size(first) >= 900_000 end)
    refute_receive :never, 200
    assert unread(self()) <= 1_000_000 + 500_000
    {:ok, result} = Process.await(process)
    assert byte_size(first) + byte_size(result.stdout) == 200_000_000
  end

  defp unread(pid) do
    {:messages, messages} = Elixir.Process.info(pid, :messages)
    Enum.sum(for {_, {:output, 1, data}} <- messages, do: byte_size(data))
  end

  test "200 MB for a command that reads nothing hold nobody up" do
    input = :binary.copy("x", 200_000_000)
    task = Task.async(fn -> Contained.cmd("sleep", ["300"], input: input, timeout: 500) end)
    assert {"hi\n", 0} = Contained.cmd("echo", ["hi"])
    assert {"", :timeout} = Task.await(task)
  end

  test "a command that closes its stdin early is no error" do
    input = Stream.repeatedly(fn -> "line\n" end)
    assert {"line\n", 0} = Contained.cmd("head", ["-n", "1"], input: input)
  end

  test "an input that never comes does not keep the command from ending" do
    stuck = Stream.repeatedly(fn -> receive(do: (:never -> "")) end)
    assert {"hi\n", 0} = Contained.cmd("echo", ["hi"], input: stuck)
  end

  test "much input arrives whole, in order, while output comes" do
    input = for n <- 1..200_000, do: "#{n}\n"
    assert {output, 0} = Contained.cmd("cat", [], input: input)
    assert output == IO.iodata_to_binary(input)
  end

  test "a stream that is halted early has killed its command" do
    stream = Contained.stream("sh", ["-c", "echo $$; yes"], lines: 80)
    [pid] = stream |> Enum.take(1) |> Enum.map(&String.to_integer/1)
    refute os_alive?(pid)
  end

  test "write/2 blocks under back-pressure and goes on when the command reads" do
    {:ok, process} = Contained.start("sh", ["-c", "read line; wc -c"])
    writer = Task.async(fn -> Process.write(process, "go\n" <> :binary.copy("x", 2_000_000)) end)
    assert :ok = Task.await(writer, 10_000)
    :ok = Process.close_stdin(process)
    assert {:ok, %{stdout: count}} = Process.await(process, 10_000)
    assert String.trim(count) == "2000000"
  end

  test "write/2 tells a closed stdin, and an ended command" do
    {:ok, process} = Contained.start("sh", ["-c", "exec <&-; echo closed; sleep 300"])
    {:stdout, "closed\n"} = Process.next(process, 5_000)
    eventually(fn -> Process.write(process, "x") == {:error, :epipe} end)
    :ok = Process.stop(process, [])
    assert Process.write(process, "x") == {:error, :closed}
  end

  test "signals arrive" do
    script = "trap 'echo hup; exit 3' HUP; echo ready; while :; do sleep 0.05; done"
    {:ok, process} = Contained.start("sh", ["-c", script])
    {:stdout, "ready\n"} = Process.next(process, 5_000)
    assert :ok = Process.signal(process, :hup, :leader)
    assert {:ok, %{stdout: "hup\n", status: 3}} = Process.await(process, 5_000)
    assert {:error, :esrch} = Process.signal(process, :hup)
  end
end
