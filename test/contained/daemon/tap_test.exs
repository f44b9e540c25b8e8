defmodule Contained.Daemon.TapTest do
  use ExUnit.Case, async: true

  alias Contained.Daemon.Tap
  alias Contained.Result

  defp tap(options) do
    Tap.new(%{options: options, command: %{call: {"x", ["-v"], []}}})
  end

  test "lines go to the function, chunks to who wants them, and all of it is counted" do
    test = self()

    tap =
      tap(%{
        logger_fun: &send(test, {:line, &1}),
        on_output: fn stream, data -> send(test, {:chunk, stream, data}) end
      })

    tap = tap |> Tap.put(:stdout, "one\ntw") |> Tap.put(:stderr, "e") |> Tap.put(:stdout, "o")
    assert_received {:chunk, :stdout, "one\ntw"}
    assert_received {:chunk, :stderr, "e"}
    assert_received {:line, "one"}
    refute_received {:line, _}
    assert tap.bytes == %{stdout: 7, stderr: 1}
    Tap.flush(tap)
    assert_received {:line, "two"}
    assert_received {:line, "e"}
  end

  test "until it is ready the last of the output is kept, no more than 64 KiB" do
    tap = tap(%{}) |> Tap.put(:stdout, :binary.copy("a", 65_000)) |> Tap.put(:stderr, "oh")
    tap = Tap.put(tap, :stdout, :binary.copy("b", 1_000))
    result = Tap.complete(tap, %Result{})
    assert byte_size(result.stdout) == 65_536
    assert String.ends_with?(result.stdout, "ab" <> :binary.copy("b", 999))
    assert result.stderr == "oh"

    assert Tap.complete(Tap.settle(tap), %Result{}) == %Result{stdout: ""}
    ready = tap |> Tap.settle() |> Tap.put(:stdout, "later")
    assert ready.kept == %{}
    assert Tap.put(Tap.begin(ready), :stdout, "again").kept == %{stdout: "again"}
  end

  test "a collectable gets all streams" do
    tap = tap(%{into: []}) |> Tap.put(:stdout, "a") |> Tap.put(:stderr, "b")
    assert Contained.Daemon.Events.close(tap.events, :done) == ["a", "b"]
  end
end
