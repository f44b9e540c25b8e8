defmodule Contained.PtyTest do
  use Contained.Case, async: true

  alias Contained.{Process, Result}

  @mib 1_048_576

  defp events(process, events \\ []) do
    case Process.next(process, 60_000) do
      {:ended, result} -> {IO.iodata_to_binary(Enum.reverse(events)), result}
      {:stdout, data} -> events(process, [data | events])
    end
  end

  test "stdin, stdout and stderr are one terminal" do
    assert {"/dev/pts/" <> _, 0} = Contained.cmd("tty", [], pty: true)
    assert {"", 0} = Contained.cmd("sh", ["-c", "test -t 0 && test -t 1 && test -t 2"], pty: true)
    assert {"a\r\nb\r\n", 0} = Contained.cmd("sh", ["-c", "echo a; echo b >&2"], pty: true)

    assert {:ok, %Result{stdout: "here\r\n"}} =
             Contained.run("sh", ["-c", "echo here >/dev/tty"], pty: true)

    assert {"no tty\n", 0} = Contained.cmd("sh", ["-c", "test -t 1 || echo no tty"], pty: false)
  end

  test "a stream that is asked for is no terminal" do
    script = "echo out; echo err >&2; test -t 0 || echo no stdin"

    assert {:ok, %Result{stdout: "out\r\nno stdin\r\n", stderr: "err\n"}} =
             Contained.run("sh", ["-c", script], pty: true, stderr: :capture, stdin: :null)
  end

  test "the size is what was asked for" do
    assert {"24 80\r\n", 0} = Contained.cmd("stty", ["size"], pty: true)
    assert {"40 132\r\n", 0} = Contained.cmd("stty", ["size"], pty: [rows: 40, columns: 132])
  end

  test "a resize is told" do
    script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done"
    {:ok, process} = Contained.start("sh", ["-c", script], pty: true)
    read_until(process, "ready")
    assert Process.resize(process, 50, 200) == :ok
    assert {"50 200\r\n", %Result{exit: {:exited, 0}}} = events(process)
    assert {:error, %{reason: :esrch}} = Process.resize(process, 1, 1)
  end

  test "only a terminal is resized, to a size there is" do
    {:ok, process} = Contained.start("cat", [])
    assert {:error, %{reason: :enotty, subject: "pty"}} = Process.resize(process, 10, 10)

    assert_raise ArgumentError, ~r/from 1 to 65535, got: 0 and 80/, fn ->
      Process.resize(process, 0, 80)
    end

    Process.stop(process)
  end

  test "input is typed, and ends" do
    assert {"one\r\ntwo", 0} = Contained.cmd("cat", [], pty: true, input: "one\ntwo")
    assert {"one\r\n", 0} = Contained.cmd("cat", [], pty: true, input: ["one", "\n"])
    assert {"", 0} = Contained.cmd("cat", [], pty: true, input: "")
    assert {"hi\r\nhi\r\n", 0} = Contained.cmd("cat", [], pty: [echo: true], input: "hi\n")
  end

  test "much input comes whole" do
    lines = String.duplicate("a line of input\n", div(@mib, 16))
    assert {output, 0} = Contained.cmd("sh", ["-c", "cat | wc -c"], pty: true, input: lines)
    assert String.trim(output) == "#{@mib}"
  end

  test "keys are signals to who is in front" do
    {:ok, process} = Contained.start("sh", ["-c", "echo ready; exec cat"], pty: true)
    read_until(process, "ready")
    :ok = Process.write(process, <<3>>)
    assert {_, %Result{exit: {:signaled, 2, _}}} = events(process)
  end

  test "output is complete, also for a slow reader" do
    script = "head -c #{@mib} /dev/zero | tr '\\0' x"
    {:ok, process} = Contained.start("sh", ["-c", script], pty: true, window: 1000)
    assert {output, %Result{exit: {:exited, 0}}} = events(process)
    assert output == String.duplicate("x", @mib)
  end

  test "who buffers for a pipe writes lines for a terminal" do
    script = "(echo one; exec sleep 600) | grep one"
    {:ok, process} = Contained.start("sh", ["-c", script], pty: true)
    assert read_until(process, "one") == "one\r\n"
    Process.stop(process)
  end

  test "a conversation" do
    script = "stty -icanon; printf 'name? '; read name; echo hello $name"
    {:ok, process} = Contained.start("sh", ["-c", script], pty: true)
    read_until(process, "name? ")
    :ok = Process.write(process, "Ann\n")
    assert {"hello Ann\r\n", %Result{exit: {:exited, 0}}} = events(process)
  end

  @tag skip: Contained.Needs.isolation()
  test "with an init of ours" do
    script = "test -t 0 && echo hi >/dev/tty"
    assert {"hi\r\n", 0} = Contained.cmd("sh", ["-c", script], pty: true, pid_isolation: true)
  end

  test "without control groups" do
    script = "test -t 0 && echo hi >/dev/tty"

    {:ok, launcher} = start_supervised({Contained.Launcher, containment: :best_effort})
    assert {"hi\r\n", 0} = Contained.cmd("sh", ["-c", script], pty: true, launcher: launcher)
  end

  @tag skip: Contained.Needs.root()
  test "it belongs to the user" do
    script = ~S'id -un; echo mine > "$(tty)"'

    assert {"nobody\r\nmine\r\n", 0} =
             Contained.cmd("sh", ["-c", script], pty: true, user: "nobody")
  end

  test "a background process that has the terminal does not outlive the command" do
    {:ok, process} = Contained.start("sh", ["-c", "setsid sleep 600 & echo $!"], pty: true)
    {output, %Result{exit: {:exited, 0}}} = events(process)
    pid = output |> String.trim() |> String.to_integer()
    refute File.exists?("/proc/#{pid}")
  end

  test "wrong options" do
    for value <- [:yes, [], [rows: 0], [columns: 65_536], [cols: 80], [echo: 1], {24, 80}] do
      assert_raise ArgumentError,
                   ~r/option :pty: expected true, false, or a list of rows: and/,
                   fn ->
                     Contained.cmd("true", [], pty: value)
                   end
    end

    assert_raise ArgumentError, ~s(cannot use "pty" and "use_stdio: false"), fn ->
      Contained.cmd("true", [], pty: true, use_stdio: false)
    end

    assert_raise ArgumentError, ~s(cannot use "pty" and "capture_stderr_only: true"), fn ->
      Contained.cmd("true", [], pty: true, capture_stderr_only: true)
    end
  end
end
