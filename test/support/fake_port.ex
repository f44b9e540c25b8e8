defmodule Contained.FakePort do
  @moduledoc false
  # A port program that says what the test wants, at any time, and writes down what it is told.
  # `CONTAINED_PORT` points to it, so such tests cannot run beside others.

  import Contained.Case

  alias Contained.Session

  # $$ is kept by exec, so the program's pid is that of `tail`.
  @script """
  #!/bin/sh
  exec 2>/dev/null
  if [ "$1" = --kill ]; then
    shift
    for target; do kill -KILL "${target%%:*}"; done
    exit 0
  fi
  [ "$1" != --probe ] || exit 1
  dir=$(dirname "$0")
  cat <&3 >"$dir/down.$$" 4>&- &
  echo $$ >>"$dir/pids"
  exec tail -f -c +1 --pid=$! "$dir/up" >&4 3<&-
  """

  def new(script \\ @script) do
    dir = Path.join(System.tmp_dir!(), "contained-port-#{System.unique_integer([:positive])}")
    File.mkdir_p!(dir)
    ExUnit.Callbacks.on_exit(fn -> clean_up(dir) end)
    script(dir, "fake_port", script)
    for file <- ~w(up pids), do: File.write!(Path.join(dir, file), "")
    use_program(Path.join(dir, "fake_port"))
    dir
  end

  # A program that was just being started may still make its files.
  defp clean_up(dir) do
    for pid <- pids(dir), do: System.cmd("kill", ["-KILL", "#{pid}"], stderr_to_stdout: true)
    eventually(fn -> match?({:ok, _}, File.rm_rf(dir)) end)
  end

  @doc "Makes `path` the port program until the end of the test."
  def use_program(path) do
    before = System.get_env("CONTAINED_PORT")
    System.put_env("CONTAINED_PORT", path)
    ExUnit.Callbacks.on_exit(fn -> restore(before) end)
  end

  defp restore(nil), do: System.delete_env("CONTAINED_PORT")
  defp restore(before), do: System.put_env("CONTAINED_PORT", before)

  @doc "Lets the program write `term`."
  def say(dir, term), do: say_bytes(dir, :erlang.term_to_binary(term))

  def say_bytes(dir, bytes) do
    File.write!(Path.join(dir, "up"), [<<byte_size(bytes)::32>>, bytes], [:append])
  end

  @doc "What the program, the last one started, was told."
  def told(dir) do
    with pid when pid != nil <- List.last(pids(dir)),
         {:ok, bytes} <- File.read(Path.join(dir, "down.#{pid}")) do
      frames(bytes)
    else
      _ -> []
    end
  end

  defp frames(<<size::32, frame::binary-size(size), rest::binary>>) do
    [:erlang.binary_to_term(frame) | frames(rest)]
  end

  defp frames(_partial), do: []

  def wait_until_told(dir, predicate) do
    eventually(fn -> Enum.find(told(dir), predicate) end)
  end

  @doc "The process ids of all the programs so far."
  def pids(dir) do
    dir |> Path.join("pids") |> File.read!() |> String.split() |> Enum.map(&String.to_integer/1)
  end

  @doc "Greets as the program does, with its own pid for guardian and worker."
  def greet(dir) do
    wait_until_told(dir, &match?({:hello, 1}, &1))
    identity = {List.last(pids(dir)), 1}
    info = %{version: "0", guardian: identity, worker: identity, containment: :none}
    say(dir, {:hello, 1, Map.merge(info, %{cgroup: "", refused: []})})
  end

  @doc "A command for the launcher, run by a task, whose result is `Session.collect/3`'s."
  def collect(launcher, spec \\ %{}) do
    spec = Map.merge(%{program: "/bin/x", args: ["x"]}, spec)
    command = %Contained.Command{spec: spec, launcher: launcher}

    Task.async(fn -> Session.collect(command, "", fn acc, _, data -> acc <> data end) end)
  end
end
