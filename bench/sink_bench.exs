# How fast a log is written past the VM: a program's output into a file, against `cat` in its place.
defmodule Bench.Sink do
  import Bench

  alias Contained.{Command, Session}
  alias Contained.Daemon.Sinks

  @bytes 1_000_000_000
  @rounds 3
  # Lines of 100 bytes, as logs have them, in blocks of 64 KiB.
  @program "yes #{String.duplicate("x", 99)} | head -c #{@bytes}"

  def run do
    path = Path.join(System.tmp_dir!(), "contained-bench-#{System.pid()}.log")
    compare("1 GB of lines into a log file", path, [])
    compare("  rotated every 100 MB", path, rotate: [size: "100M", keep: 0])
    compare("  with a time before each line", path, timestamp: :utc)
  end

  defp compare(what, path, opts) do
    {theirs, ours} = pairs(@rounds, fn -> cat(path) end, fn -> sink(path, opts) end)
    ratio = theirs / ours
    # What is asked for is the plain file.
    target = if opts[:timestamp], do: 0, else: 0.5
    text = if target > 0, do: ">= 0.50", else: "-"
    row(what, speed(theirs), speed(ours), fixed(ratio), text, ratio >= target)
  end

  defp cat(path) do
    {_, 0} = System.cmd("sh", ["-c", "(#{@program}) | cat > #{path}"])
    File.rm!(path)
  end

  defp sink(path, opts) do
    {:ok, specs} = Sinks.parse({:file, path, opts})
    context = %{launcher: Contained.Launcher, ladder: [], cd: "/", tee: false}
    {:ok, sinks, streams} = Sinks.open(specs, context)
    {:ok, command} = Command.new(:start, "sh", ["-c", @program], [])
    spec = Map.merge(command.spec, %{stdout: streams.stdout, stdin: :null})
    {:ok, process} = Session.open(%{command | spec: spec})
    {:ended, _} = Session.next(process, :infinity)
    :ok = Sinks.close(sinks)
    Enum.each(Path.wildcard(path <> "*"), &File.rm!/1)
  end

  defp speed(microseconds), do: "#{round(@bytes / microseconds)} MB/s"
end

Bench.Sink.run()
