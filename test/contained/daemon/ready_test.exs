defmodule Contained.Daemon.ReadyTest do
  use Contained.Case, async: true

  alias Contained.Daemon.Ready

  defp start(term) do
    {:ok, spec} = Ready.parse(term)
    ref = make_ref()
    {Ready.start(spec, ref), ref}
  end

  defp assert_ready(ref), do: assert_receive({Ready, ^ref, :ready}, 10_000)

  # Long enough for several looks; too short a time makes it weaker, never wrong.
  defp refute_ready(ref), do: refute_receive({Ready, ^ref, _}, 50)

  test "what the option may be" do
    assert Ready.parse(:none) == {:ok, :none}
    assert Ready.parse(:notify) == {:ok, :notify}
    assert {:ok, {:output, ~r/a/}} = Ready.parse({:output, ~r/a/})
    assert {:ok, {:tcp, [{{127, 0, 0, 1}, 80}, {_ipv6, 80}]}} = Ready.parse({:tcp, 80})
    assert Ready.parse({:tcp, {"db", 80}}) == {:ok, {:tcp, [{~c"db", 80}]}}
    assert Ready.parse({:tcp, {{10, 0, 0, 1}, 80}}) == {:ok, {:tcp, [{{10, 0, 0, 1}, 80}]}}
    assert Ready.parse({:unix, "/run/x"}) == {:ok, {:unix, "/run/x"}}
    assert Ready.parse({:file, "x"}) == {:ok, {:file, Path.expand("x")}}
    assert Ready.parse({:after, 5}) == {:ok, {:after, 5}}
    assert {:ok, {:fun, _}} = Ready.parse(fn -> true end)
  end

  test "what it may not be, in words" do
    for wrong <- [
          true,
          {:output, "a"},
          {:tcp, 0},
          {:tcp, 65_536},
          {:tcp, "80"},
          {:tcp, {"", 80}},
          {:tcp, {:db, 80}},
          {:unix, ~c"x"},
          {:unix, "/" <> String.duplicate("x", 107)},
          {:file, ""},
          {:file, "a\0"},
          {:after, -1},
          {:after, :infinity},
          fn _ -> true end
        ] do
      assert Ready.parse(wrong) == {:error, Ready.allowed()}
    end
  end

  test "none is ready at once" do
    {_ready, ref} = start(:none)
    assert_ready(ref)
  end

  test "after a time, unless it is stopped" do
    {_ready, ref} = start({:after, 1})
    assert_ready(ref)

    {ready, ref} = start({:after, 0})
    eventually(fn -> queued(self()) == 1 end)
    assert Ready.stop(ready) == :ok
    refute_ready(ref)
  end

  test "a port of this machine" do
    {:ok, listener} = :gen_tcp.listen(0, ip: {127, 0, 0, 1})
    {:ok, port} = :inet.port(listener)
    {_ready, ref} = start({:tcp, port})
    assert_ready(ref)
    {_ready, ref} = start({:tcp, {"localhost", port}})
    assert_ready(ref)

    :gen_tcp.close(listener)
    {ready, ref} = start({:tcp, port})
    refute_ready(ref)
    {:ok, _listener} = :gen_tcp.listen(port, ip: {127, 0, 0, 1}, reuseaddr: true)
    assert_ready(ref)
    assert Ready.stop(ready) == :ok
  end

  test "a socket in the file system, not a file that one has left" do
    path = Path.join(tmp_dir(), "s")
    File.write!(path, "")
    {_ready, ref} = start({:unix, path})
    refute_ready(ref)

    File.rm!(path)
    {:ok, _listener} = :gen_tcp.listen(0, ip: {:local, path})
    assert_ready(ref)
  end

  test "a file" do
    path = Path.join(tmp_dir(), "ready")
    {_ready, ref} = start({:file, path})
    refute_ready(ref)
    File.write!(path, "")
    assert_ready(ref)
  end

  test "a function that returns something true" do
    flag = :atomics.new(1, [])
    {_ready, ref} = start(fn -> :atomics.get(flag, 1) == 1 end)
    refute_ready(ref)
    :atomics.put(flag, 1, 1)
    assert_ready(ref)
  end

  test "a function that raises is told of" do
    {_ready, ref} = start(fn -> raise "no" end)
    assert_receive {Ready, ^ref, {:failed, {%RuntimeError{}, _}}} = message, 5_000
    assert {:failed, {%RuntimeError{}, _}} = Ready.event(message, ref)
    assert Ready.event(message, make_ref()) == :none
    assert Ready.event({Ready, ref, :ready}, ref) == :ready
  end

  test "a function that hangs is stopped" do
    test = self()

    {ready, _ref} =
      start(fn ->
        send(test, {:hangs, self()})
        Process.sleep(:infinity)
      end)

    assert_receive {:hangs, pid}, 5_000
    monitor = Process.monitor(pid)
    Ready.stop(ready)
    assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
  end

  # The verdict after each chunk.
  defp verdicts(regex, chunks) do
    {ready, _ref} = start({:output, regex})

    {verdicts, _ready} =
      Enum.map_reduce(chunks, ready, fn chunk, ready -> Ready.output(ready, :stdout, chunk) end)

    verdicts
  end

  test "a line of output, in whatever chunks" do
    assert verdicts(~r/^ready on \d+$/, ["not ready on 1\nrea", "dy on 12\n"]) == [
             :waiting,
             :ready
           ]

    assert verdicts(~r/^b$/, ["a\nb\nc\n"]) == [:ready]
    assert verdicts(~r/^b$/, ["a", "b", "\n"]) == [:waiting, :waiting, :waiting]
  end

  test "also one that has no end, or is not text" do
    assert verdicts(~r/^> /, [">", " "]) == [:waiting, :ready]
    assert verdicts(~r/é/u, ["\xFF\xC3", "\xA9\n"]) == [:waiting, :ready]
  end

  test "streams do not make one line" do
    {ready, _ref} = start({:output, ~r/ready/})
    assert {:waiting, ready} = Ready.output(ready, :stdout, "rea")
    assert {:waiting, ready} = Ready.output(ready, :stderr, "dy")
    assert {:ready, _ready} = Ready.output(ready, :stdout, "dy")
  end

  test "a line without end is not kept for ever" do
    {ready, _ref} = start({:output, ~r/ready/})
    chunk = String.duplicate("x", 1000)

    ready =
      Enum.reduce(1..300, ready, fn _, ready ->
        {:waiting, ready} = Ready.output(ready, :stdout, chunk)
        assert :erlang.external_size(ready) < 16_000
        ready
      end)

    assert {:ready, _} = Ready.output(ready, :stdout, "ready")
  end

  test "only a regular expression needs the output" do
    assert Ready.output?({:output, ~r/a/})
    refute Ready.output?({:after, 1})
    {ready, _ref} = start({:after, 1_000})
    assert {:waiting, ^ready} = Ready.output(ready, :stdout, "x")
  end
end
