defmodule Contained.Case do
  @moduledoc false
  # What the tests share: polling, looking at processes, native helper programs.

  use ExUnit.CaseTemplate

  using do
    quote do
      import Contained.Case
    end
  end

  @doc """
  Calls `fun` until it returns a truthy value, which is returned; fails after `timeout` milliseconds.
  """
  def eventually(fun, timeout \\ 5_000) do
    poll(fun, System.monotonic_time(:millisecond) + timeout, timeout)
  end

  defp poll(fun, deadline, timeout) do
    cond do
      value = fun.() ->
        value

      System.monotonic_time(:millisecond) > deadline ->
        ExUnit.Assertions.flunk("condition was not met within #{timeout} ms")

      true ->
        receive(after: (5 -> :ok))
        poll(fun, deadline, timeout)
    end
  end

  @doc """
  What `fun` returns when it has returned the same six times in a row, looked at every `pause`
  milliseconds; what counts as the same is up to `key`.
  """
  def steady(fun, pause, key \\ & &1) do
    before = fun.()
    steady(fun, pause, key, {before, 0}, System.monotonic_time(:millisecond) + within(30_000))
  end

  defp steady(_fun, _pause, _key, {value, 5}, _deadline), do: value

  defp steady(fun, pause, key, {before, times}, deadline) do
    if System.monotonic_time(:millisecond) > deadline,
      do: ExUnit.Assertions.flunk("still changing: #{inspect(before)}")

    Process.sleep(pause)
    now = fun.()
    times = if key.(now) == key.(before), do: times + 1, else: 0
    steady(fun, pause, key, {now, times}, deadline)
  end

  @doc """
  So many milliseconds on this machine; the slow test VM has more time (`CONTAINED_SLOWNESS`).
  """
  def within(ms), do: ms * String.to_integer(System.get_env("CONTAINED_SLOWNESS", "1"))

  @doc """
  How many messages wait for `pid`. Another process asks, for one that asks about itself does not see those that it
  has not fetched yet.
  """
  def queued(pid) do
    {:message_queue_len, length} =
      Task.await(Task.async(fn -> Process.info(pid, :message_queue_len) end), :infinity)

    length
  end

  @doc "What a command has written to stdout when `text` has come; the rest of that piece is in it too."
  def read_until(process, text, read \\ "") do
    if String.contains?(read, text) do
      read
    else
      {:stdout, data} = Contained.Process.next(process, within(20_000))
      read_until(process, text, read <> data)
    end
  end

  @doc "Whether an OS process is alive; a zombie is not."
  def os_alive?(os_pid) do
    case File.read("/proc/#{os_pid}/stat") do
      {:ok, stat} -> state(stat) not in ["Z", "X"]
      {:error, _reason} -> false
    end
  end

  # proc_pid_stat(5): the second field is the name in parentheses, which may hold anything.
  defp state(stat) do
    [_name, rest] = :re.split(stat, "^.*\\) ", [:dotall, return: :binary])
    binary_part(rest, 0, 1)
  end

  @doc "The path of the program built from native_tests/helpers/<name>.c."
  def helper_path(name) do
    path = Path.join(helpers_dir(), name)
    File.exists?(path) || raise "there is no native_tests/helpers/#{name}.c"
    path
  end

  @doc "Builds the helpers that are older than their source."
  def build_helpers! do
    File.mkdir_p!(helpers_dir())
    for source <- Path.wildcard("native_tests/helpers/*.c"), do: build_helper!(source)
    :ok
  end

  defp build_helper!(source) do
    target = Path.join(helpers_dir(), Path.basename(source, ".c"))

    headers = Path.wildcard("native_tests/helpers/*.h")

    if mtime(target) < Enum.max(Enum.map([source | headers], &mtime/1)) do
      args = ["-O1", "-Wall", "-o", target, source, "-pthread"]
      {output, status} = System.cmd(System.get_env("CC", "cc"), args, stderr_to_stdout: true)
      status == 0 || raise "cannot compile #{source}:\n#{output}"
    end
  end

  defp mtime(path) do
    case File.stat(path, time: :posix) do
      {:ok, stat} -> stat.mtime
      {:error, :enoent} -> 0
    end
  end

  defp helpers_dir, do: Path.join(Mix.Project.build_path(), "helpers")

  @doc "A directory for one test, removed afterwards."
  def tmp_dir do
    path =
      Path.join(
        System.tmp_dir!(),
        "contained-test-#{System.pid()}-#{System.unique_integer([:positive])}"
      )

    File.mkdir_p!(path)
    ExUnit.Callbacks.on_exit(fn -> File.rm_rf!(path) end)
    path
  end

  @doc "Writes an executable script."
  def script(directory, name, text, mode \\ 0o755) do
    path = Path.join(directory, name)
    File.write!(path, text)
    File.chmod!(path, mode)
    path
  end
end
