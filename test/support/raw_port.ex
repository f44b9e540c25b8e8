defmodule Contained.RawPort do
  @moduledoc false
  # The real port program, spoken to byte by byte. A process of its own owns it and hands on what
  # comes up as `{raw, event}`, at last `{raw, {:exit, status}}`.

  import ExUnit.Assertions
  import Contained.Case, only: [tmp_dir: 0]

  @deadline 20_000

  @doc "Starts the program. Its stderr goes to a file, see `stderr/1`."
  def open do
    test = self()
    log = Path.join(tmp_dir(), "stderr")
    {spawn_link(fn -> own(test, log) end), log}
  end

  @doc "Starts the program and greets it."
  def greeted do
    raw = open()
    say(raw, {:hello, 1})
    {:hello, 1, info} = await(raw, &match?({:hello, 1, _}, &1))
    {raw, info}
  end

  @doc "Starts a command that runs until it is killed; returns its process id."
  def start_sleep(raw, id, spec \\ %{}) do
    start(raw, id, ["/bin/sleep", "300"], spec)
    {:started, ^id, os_pid} = await(raw, &match?({:started, ^id, _}, &1))
    os_pid
  end

  def start(raw, id, [program | _] = args, spec \\ %{}) do
    say(raw, {:start, id, Map.merge(%{program: program, args: args}, spec)})
  end

  def say(raw, term), do: write(raw, frame(term))
  def write({pid, _log}, bytes), do: send(pid, {:write, IO.iodata_to_binary(bytes)})
  def close({pid, _log}), do: send(pid, :close)

  def frame(term), do: term |> :erlang.term_to_binary() |> frame_of()
  def frame_of(bytes), do: <<byte_size(bytes)::32, bytes::binary>>

  @doc "The next event that `wanted?` is true for; others stay in the mailbox."
  def await({pid, _log}, wanted?), do: await(pid, wanted?, [])

  defp await(pid, wanted?, others) do
    receive do
      {^pid, event} ->
        if wanted?.(event),
          do: give_back(pid, Enum.reverse(others), event),
          else: await(pid, wanted?, [event | others])
    after
      @deadline -> flunk("the port program did not say what was expected: #{inspect(others)}")
    end
  end

  # In their order, before what has come since.
  defp give_back(pid, others, event) do
    later = flush(pid)
    for each <- others ++ later, do: send(self(), {pid, each})
    event
  end

  defp flush(pid) do
    receive do
      {^pid, event} -> [event | flush(pid)]
    after
      0 -> []
    end
  end

  @doc "The next event, whatever it is."
  def next(raw), do: await(raw, fn _ -> true end)

  def exit_status(raw) do
    {:exit, status} = await(raw, &match?({:exit, _}, &1))
    status
  end

  def stderr({_pid, log}), do: File.read!(log)

  # -- the owner

  # The shell execs: the program is a child of erl_child_setup, as it would be without it.
  defp own(test, log) do
    Process.flag(:trap_exit, true)
    {:ok, program} = Contained.Port.locate()
    args = ["-c", ~s(exec "$0" 2>"$1"), program, log]
    options = [:nouse_stdio, :binary, :exit_status, :hide, args: args]
    loop(Port.open({:spawn_executable, "/bin/sh"}, options), test, "")
  end

  defp loop(port, test, buffer) do
    receive do
      {^port, {:data, data}} ->
        loop(port, test, hand_on(test, buffer <> data))

      {^port, {:exit_status, status}} ->
        send(test, {self(), {:exit, status}})
        loop(port, test, buffer)

      {:write, bytes} ->
        write_port(port, bytes)
        loop(port, test, buffer)

      :close ->
        Port.close(port)
        loop(port, test, buffer)

      {:EXIT, ^port, reason} when reason != :normal ->
        send(test, {self(), {:exit, reason}})
        loop(port, test, buffer)

      {:EXIT, from, _reason} ->
        if from != test, do: loop(port, test, buffer)
    end
  end

  # A program that is gone takes nothing more.
  defp write_port(port, bytes) do
    Port.command(port, bytes)
  rescue
    ArgumentError -> false
  end

  defp hand_on(test, <<size::32, frame::binary-size(size), rest::binary>>) do
    send(test, {self(), :erlang.binary_to_term(frame)})
    hand_on(test, rest)
  end

  defp hand_on(_test, rest), do: rest

  # -- without an owner: as a filter between two pipes

  @filter """
  cat "$1/in" | {
    "$0" 3<&0 4>&1 </dev/null >/dev/null 2>"$1/stderr"
    echo $? >"$1/status"
  } | cat >"$1/out"
  """

  @doc """
  Feeds `bytes` to the program, then the end of file; returns its exit status and events.
  """
  def filter(bytes) do
    dir = tmp_dir()
    {:ok, program} = Contained.Port.locate()
    File.write!(Path.join(dir, "in"), bytes)
    {"", 0} = System.cmd("sh", ["-c", @filter, program, dir])
    status = dir |> Path.join("status") |> File.read!() |> String.trim() |> String.to_integer()
    {status, dir |> Path.join("out") |> File.read!() |> events()}
  end

  defp events(<<size::32, frame::binary-size(size), rest::binary>>),
    do: [:erlang.binary_to_term(frame) | events(rest)]

  defp events(""), do: []
end
