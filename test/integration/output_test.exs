defmodule Contained.OutputTest do
  # Output is complete and in order to the last byte, however it is written.
  use Contained.Case, async: false

  alias Contained.{Pattern, RawPort}

  @moduletag :port
  @moduletag timeout: 180_000

  defp helper(name, args, opts \\ []) do
    Contained.cmd(helper_path(name), Enum.map(args, &to_string/1), opts)
  end

  defp all(range, concurrency, fun) do
    options = [max_concurrency: concurrency, timeout: 120_000, ordered: false]

    wrong =
      for {:ok, {n, result}} <- Task.async_stream(range, &{&1, fun.(&1)}, options),
          result != :ok do
        {n, result}
      end

    assert wrong == []
  end

  defp same(expected, expected), do: :ok
  defp same(other, _expected), do: other

  test "of 10,000 short commands, 16 at once" do
    all(1..10_000, 16, fn n ->
      same(Contained.cmd("echo", ["#{n}", "of", "many"]), {"#{n} of many\n", 0})
    end)
  end

  test "of 2 GB" do
    total = 2 * 1024 * 1024 * 1024
    assert helper("chatty", [total], into: %Pattern{}) == {total, 0}
  end

  test "in blocks of any size" do
    for block <- [1, 7, 4095, 4096, 4097, 65_535, 65_537, 1_048_577] do
      total = min(block * 1000 + 1, 5_000_003)
      assert {block, helper("chatty", [total, block], into: %Pattern{})} == {block, {total, 0}}
    end
  end

  test "in windows of any size" do
    for window <- [1, 2, 4095, 65_537, 1_048_577] do
      total = min(window * 1000, 5_000_003)
      opts = [into: %Pattern{}, window: window]
      assert {window, helper("chatty", [total], opts)} == {window, {total, 0}}
    end
  end

  test "byte by byte" do
    expected = 0..199_999 |> Enum.map(&(?0 + rem(&1, 10))) |> List.to_string()
    assert helper("one_byte_writes", [200_000]) == {expected, 0}
  end

  test "of both streams apart, each in its order" do
    args = ["100000", "both"]
    assert {:ok, result} = Contained.run(helper_path("one_byte_writes"), args)
    assert result.stdout == String.duplicate("02468", 10_000)
    assert result.stderr == String.duplicate("13579", 10_000)
  end

  test "of both streams in one pipe, in the order of writing" do
    expected = {String.duplicate("0123456789", 10_000), 0}
    assert helper("one_byte_writes", [100_000, "both"], stderr_to_stdout: true) == expected
  end

  test "of a child that exits the moment it has written 64 KiB" do
    all(1..1_000, 8, fn n ->
      code = rem(n, 256)
      same(helper("exit_after_64k", [code], into: %Pattern{}), {65_536, code})
    end)
  end

  test "muontrap 1: of a command that ends while its output is under way" do
    expected = Enum.map_join(1..100_000, &"#{&1}\n")
    all(1..40, 4, fn _ -> same(Contained.cmd("seq", ["1", "100000"]), {expected, 0}) end)
  end

  test "that looks like frames of the protocol" do
    frames = for term <- [{:output, 1, 1, "x"}, {:ended, 1, %{}}, {:hello, 1}, :""], do: term
    noise = [:binary.list_to_bin(Enum.to_list(0..255)), <<0xFFFFFFFF::32>>, <<0::32>>, "\r\n"]
    text = IO.iodata_to_binary([Enum.map(frames, &RawPort.frame/1), noise])
    text = :binary.copy(text, 5_000)
    path = Path.join(tmp_dir(), "binary")
    File.write!(path, text)
    assert Contained.cmd("cat", [path]) == {text, 0}
  end

  test "of 50 grandchildren that hold stdout, and the status of their parent" do
    line = "for i in $(seq 50); do (sleep 0.2; echo late) & done; echo early; exit 5"
    assert {"early\n" <> rest, 5} = Contained.cmd("sh", ["-c", line])
    assert rest == String.duplicate("late\n", 50)
  end

  test "muontrap 4: of a grandchild that writes late, or not, as linger says" do
    assert helper("hold_stdout", [200]) == {"early\nlate\n", 0}
    assert helper("hold_stdout", [60_000], linger: :kill) == {"early\n", 0}
  end

  test "through a pipe that the child made non-blocking" do
    assert helper("nonblock_stdout", [20_000_000], into: %Pattern{}) == {20_000_000, 0}
  end

  test "through a pipe that the child has shrunk to a page" do
    assert helper("tiny_pipe", [5_000_000], into: %Pattern{}) == {5_000_000, 0}
  end

  test "from which the child has taken back a part" do
    assert {:ok, result} = Contained.run(helper_path("steal_stdout"), ["20000"])
    assert [_, xs] = Regex.run(~r/\A(x*)done\n\z/, result.stdout)
    stolen = result.stderr |> String.trim() |> String.to_integer()
    assert byte_size(xs) + stolen == 20_000
  end

  test "of a command that is killed, as far as it came" do
    line = "printf 'one\\ntwo'; kill -9 $$"
    assert Contained.cmd("sh", ["-c", line]) == {"one\ntwo", 137}
    assert Contained.cmd("sh", ["-c", line], lines: 80, into: []) == {["one", "two"], 137}
    stream = Contained.stream("sh", ["-c", line], lines: 80, yield_exit: true)
    assert Enum.to_list(stream) == ["one", "two", {:exit, 137}]
  end

  test "muontrap 5: of lines longer than any buffer, written in pieces" do
    long = String.duplicate("x", 300_000)
    line = "printf '%s' \"$0\"; sleep 0.05; printf '%s\\n' \"$0\"; printf '%s' end"
    args = ["-c", "read x; eval \"$1\"", "sh", String.replace(line, "$0", "$x")]
    opts = [input: long <> "\n", lines: 80, into: []]
    assert Contained.cmd("sh", args, opts) == {[long <> long, "end"], 0}
  end

  test "muontrap 3: whatever the child does with stdin" do
    line = "exec 3<&0; cat <&3 >/dev/null & seq 1 100000; kill $!"
    assert {output, 0} = Contained.cmd("sh", ["-c", line])
    assert byte_size(output) == 588_895
  end

  test "exile 2: a daemon with no pipe of ours holds nothing up, and is dead then" do
    marker = "9#{System.unique_integer([:positive])}.#{System.pid()}"
    line = "(sleep #{marker} </dev/null >/dev/null 2>&1 &); echo hi"
    {micros, result} = :timer.tc(fn -> Contained.cmd("sh", ["-c", line]) end)
    assert result == {"hi\n", 0}
    assert micros < 2_000_000
    assert {_, 1} = System.cmd("pgrep", ["-f", "^sleep #{marker}"])
  end

  test "exile #18: as a stream, read by another process than the one that made it" do
    stream = Contained.stream(helper_path("chatty"), ["5000000"])
    reader = Task.async(fn -> Enum.reduce(stream, 0, &Pattern.check(&2, &1)) end)
    assert Task.await(reader, 20_000) == 5_000_000
    assert Enum.reduce(stream, 0, &Pattern.check(&2, &1)) == 5_000_000
  end
end
