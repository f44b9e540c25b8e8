defmodule Contained.ProtocolAbuseTest do
  # The real port program and a VM that has lost its mind: what is no request is refused and the
  # conversation goes on; what is no term ends the program, and with it every command. It never
  # crashes: its exit codes are those of c_src/protocol/README.md.
  use Contained.Case, async: false

  import Bitwise
  import Contained.Measure
  import Contained.RawPort

  @moduletag :port
  @moduletag timeout: 120_000

  @violation 3

  # With a command that has to be dead when the program has ended.
  defp ends_with(status, bytes) do
    {raw, info} = greeted()
    os_pid = start_sleep(raw, 1)
    write(raw, bytes)
    assert {bytes, exit_status(raw)} == {bytes, status}
    refute os_alive?(os_pid)
    refute File.exists?(info.cgroup)
    raw
  end

  describe "the end of the program" do
    test "frames of impossible length: none, 8 MiB and a byte, 4 GiB" do
      for length <- [0, 8 * 1024 * 1024 + 1, 0x7FFFFFFF, 0xFFFFFFFF] do
        raw = ends_with(@violation, <<length::32>>)
        assert stderr(raw) =~ "bad request from the VM"
      end
    end

    test "what is no term" do
      for frame <- [
            <<130>>,
            <<131>>,
            <<0>>,
            "hello",
            <<131, 104, 2, 97, 1>>,
            <<131, 97, 1, 97, 1>>,
            <<131, 105, 0xFFFFFFFF::32, 97, 1>>,
            <<131, 108, 0xFFFFFFFF::32, 97, 1>>,
            <<131, 116, 0xFFFFFFFF::32, 97, 1>>,
            <<131, 109, 0xFFFFFFFF::32, 97, 1>>,
            <<131, 111, 0xFFFFFFFF::32, 0, 1>>,
            <<131, 119, 2, 0xFF, 0xFF>>,
            <<131, 255>>,
            :binary.copy(<<131, 104, 1>>, 100)
          ] do
        ends_with(@violation, frame_of(frame))
      end
    end

    test "terms that have no place here" do
      for term <- [self(), make_ref(), &Enum.map/2, fn -> self() end, <<1::3>>] do
        ends_with(@violation, frame({:stop, 1, term}))
      end

      compressed = :erlang.term_to_binary(List.duplicate("x", 1_000), compressed: 9)
      ends_with(@violation, frame_of(compressed))
      ends_with(@violation, frame(nested(17)))
    end

    defp nested(0), do: []
    defp nested(depth), do: {nested(depth - 1)}

    test "no greeting, another version, a second greeting" do
      for first <- [{:ping, 1}, {:hello, 2}, {:hello, 0}, {:hello}, :hello, {:shutdown}] do
        raw = open()
        say(raw, first)
        assert {first, exit_status(raw)} == {first, @violation}
      end

      ends_with(@violation, frame({:hello, 1}))
    end

    test "shutdown, with commands" do
      raw = ends_with(0, frame({:shutdown}))
      assert stderr(raw) == ""
    end

    test "random bytes" do
      for _ <- 1..100 do
        bytes = :rand.bytes(:rand.uniform(200))
        {raw, _info} = greeted()
        write(raw, [frame_of(<<131, bytes::binary>>), frame({:shutdown})])
        assert {bytes, exit_status(raw) in [0, @violation]} == {bytes, true}
      end
    end

    test "a request with one byte changed" do
      <<_::32, good::binary>> = frame({:start, 2, %{program: "/bin/true", args: ["true"]}})

      for at <- 1..(byte_size(good) - 1)//3 do
        <<head::binary-size(at), byte, tail::binary>> = good
        {raw, _info} = greeted()
        changed = <<head::binary, bxor(byte, 0x81), tail::binary>>
        write(raw, [frame_of(changed), frame({:shutdown})])
        assert {at, exit_status(raw) in [0, @violation]} == {at, true}
      end
    end
  end

  describe "the end of its input" do
    defp conversation(last) do
      spec = %{program: "/bin/sleep", args: ["sleep", "300"]}
      [frame({:hello, 1}), frame({:start, 1, spec}), last]
    end

    # What was started has been told, unless the program ended before.
    defp dead(events) do
      for {:started, _, os_pid} <- events, do: refute(os_alive?(os_pid))
      :dead
    end

    test "between two frames is an end" do
      assert {0, events} = filter(conversation(""))
      assert dead(events) == :dead
      assert {0, []} = filter("")
    end

    test "within a frame is a violation, wherever" do
      frame = frame({:start, 2, %{program: "/bin/true", args: ["true"]}})

      for size <- [1, 2, 3, 4, 5, 6, 20, byte_size(frame) - 1] do
        assert {@violation, events} = filter(conversation(binary_part(frame, 0, size)))
        assert dead(events) == :dead
      end
    end

    test "closed by the VM: the commands are dead soon after" do
      {raw, info} = greeted()
      os_pid = start_sleep(raw, 1)
      close(raw)
      eventually(fn -> not os_alive?(os_pid) and not File.exists?(info.cgroup) end)
    end
  end

  describe "a refusal" do
    setup do
      {raw, _info} = greeted()
      %{raw: raw, os_pid: start_sleep(raw, 1, %{stdin: :pipe})}
    end

    # Refused, and all goes on: the command and the conversation.
    defp refused(ctx, request, expected) do
      say(ctx.raw, request)
      assert {request, next(ctx.raw)} == {request, expected}
      alive(ctx)
    end

    defp alive(ctx) do
      number = System.unique_integer([:positive])
      say(ctx.raw, {:ping, number})
      assert next(ctx.raw) == {:pong, number}
      assert os_alive?(ctx.os_pid)
    end

    test "of what is no request", ctx do
      refused(ctx, nested(16), {:refused, 0, :"", :bad_request})

      for term <- [1, -1, 1.5, :atom, "binary", [], [1 | 2], {}, %{}, {1, 2}, %{a: 1}, {[], 1}] do
        refused(ctx, term, {:refused, 0, :"", :bad_request})
      end

      for {request, id} <- [
            {{:nonsense}, 0},
            {{:nonsense, 5}, 5},
            {{:nonsense, 1, "x"}, 1},
            {{:stop, 1}, 1},
            {{:input, 1, :atom}, 1},
            {{:input, 1, [1]}, 1},
            {{:signal, 1, 0, :all}, 1},
            {{:signal, 1, 65, :all}, 1},
            {{:signal, 1, 15, :nobody}, 1},
            {{:stop, 1, :soon}, 1},
            {{:stop, 1, List.duplicate({15, 1}, 17)}, 1},
            {{:stop, 1, [{15, -1}]}, 1},
            {{:stop, 1, [{15, 1} | {15, 1}]}, 1},
            {{:start, 1, []}, 1},
            {{:ping, -1}, 0},
            {{:ping, :a}, 0},
            {{:shutdown, 1}, 0}
          ] do
        refused(ctx, request, {:refused, id, elem(request, 0), :bad_request})
      end
    end

    test "of an operation whose name is too long for an answer", ctx do
      name = String.to_atom(String.duplicate("ü", 255))
      refused(ctx, {name, 1, 2}, {:refused, 1, :"", :bad_request})
    end

    test "of ids", ctx do
      for id <- [0, -1, 0x80000000, 1 <<< 64, -(1 <<< 64)], name <- [:close_input, :bogus] do
        reason = if name == :bogus, do: :bad_request, else: :bad_id
        refused(ctx, {name, id}, {:refused, 0, name, reason})
      end

      for request <- [
            {:close_input, 9},
            {:input, 9, "x"},
            {:credit, 9, :stdout, 1},
            {:stop, 9, []}
          ] do
        refused(ctx, request, {:refused, 9, elem(request, 0), :unknown_id})
      end

      refused(ctx, {:signal, 9, 15, :all}, {:signaled, 9, :esrch})
      spec = %{program: "/bin/true", args: ["true"]}
      refused(ctx, {:start, 1, spec}, {:refused, 1, :start, :id_in_use})
      refused(ctx, {:start, 0, spec}, {:refused, 0, :start, :bad_id})
    end

    test "of credit", ctx do
      for bytes <- [-1, (1 <<< 40) + 1, 1 <<< 63, 1 <<< 64, 1 <<< 2000, -(1 <<< 2000)] do
        refused(ctx, {:credit, 1, :stdout, bytes}, {:refused, 1, :credit, :bad_credit})
      end

      for {stream, bytes} <- [{:stdin, 1}, {:stdout, 1.0}, {:stdout, :all}, {1, 1}] do
        refused(ctx, {:credit, 1, stream, bytes}, {:refused, 1, :credit, :bad_request})
      end

      refused(ctx, {:credit, 1, :stderr, 1}, {:refused, 1, :credit, :not_piped})
      say(ctx.raw, {:credit, 1, :stdout, (1 <<< 40) - (1 <<< 20)})
      alive(ctx)
      refused(ctx, {:credit, 1, :stdout, 1}, {:refused, 1, :credit, :bad_credit})
    end

    test "of input beyond the window, or where there is none", ctx do
      big = :binary.copy("x", 256 * 1024 + 1)
      refused(ctx, {:input, 1, big}, {:refused, 1, :input, :window_exceeded})
      # Within it, the pipe takes what it can hold and says so.
      say(ctx.raw, {:input, 1, binary_part(big, 0, 256 * 1024)})
      assert {:input_credit, 1, taken} = next(ctx.raw)

      refused(
        ctx,
        {:input, 1, binary_part(big, 0, taken + 1)},
        {:refused, 1, :input, :window_exceeded}
      )

      start_sleep(ctx.raw, 2)
      refused(ctx, {:input, 2, "x"}, {:refused, 2, :input, :not_piped})
      refused(ctx, {:close_input, 2}, {:refused, 2, :close_input, :not_piped})
    end

    @good %{program: "/bin/true", args: ["true"]}

    test "of specifications without what is needed, or with it in another shape", ctx do
      for spec <- [
            %{},
            Map.delete(@good, :program),
            Map.delete(@good, :args),
            %{@good | program: "true"},
            %{@good | program: ""},
            %{@good | program: "/bin/\0true"},
            %{@good | program: true},
            %{@good | args: []},
            %{@good | args: ["a\0b"]},
            %{@good | args: ["a" | "b"]},
            %{@good | args: ~c"ab"}
          ] do
        refused(ctx, {:start, 2, spec}, {:refused, 2, :start, :bad_spec})
      end
    end

    test "of specifications with a key that is unknown or has a bad value", ctx do
      for {key, value} <- [
            {:unknown, 1},
            {"window", 1},
            {:window, 0},
            {:window, (1 <<< 30) + 1},
            {:timeout, -1},
            {:timeout, (1 <<< 40) + 1},
            {:max_output, 1 <<< 64},
            {:env, [{"a=b", "c"}]},
            {:env, [{"", "c"}]},
            {:env, [{"a", :b}]},
            {:env, [{"a", "\0"}]},
            {:env, %{"a" => "b"}},
            {:stdin, :stdout},
            {:linger, true},
            {:stop, [{0, 1}]},
            {:stop, [{15, 24 * 3_600_000 + 1}]},
            {:group, "../up"},
            {:group, ".."},
            {:group, ""},
            {:group, String.duplicate("x", 65)}
          ] do
        spec = Map.put(@good, key, value)
        refused(ctx, {:start, 2, spec}, {:refused, 2, :start, :bad_spec})
      end
    end
  end

  test "an id may be used again when its session has ended" do
    {raw, _info} = greeted()

    for n <- 1..100 do
      start(raw, 7, ["/bin/echo", "#{n}"])
      assert {:ended, 7, %{status: {:exited, 0}}} = await(raw, &match?({:ended, 7, _}, &1))
    end

    start(raw, 7, ["/no/such/program"])

    assert {:failed, 7, :exec, :enoent, "/no/such/program"} =
             await(raw, &match?({:failed, _, _, _, _}, &1))

    assert is_integer(start_sleep(raw, 7))
  end

  test "nothing is started while it shuts down" do
    {raw, _info} = greeted()
    start(raw, 1, [helper_path("ignore_term")], %{stop: [{15, 300}]})
    await(raw, &match?({:output, 1, 1, "ready\n"}, &1))
    say(raw, {:shutdown})
    start(raw, 2, ["/bin/true"])
    assert {:refused, 2, :start, :shutting_down} = await(raw, &match?({:refused, _, _, _}, &1))
    assert {:ended, 1, _} = await(raw, &match?({:ended, 1, _}, &1))
    assert exit_status(raw) == 0
  end

  # Nobody reads fd 4, whose other end the program itself holds open, until the flood has settled.
  @unread ~s(exec "$0" 3<>"$1/in" 4<>"$1/out" 2>"$1/stderr")
  @pings 1_000_000

  test "a million pings whose answers nobody reads do not grow the worker, nor are they lost" do
    dir = tmp_dir()
    {port, worker} = start_unread(dir)
    pings = for n <- 1..@pings, do: frame({:ping, n})
    File.write!(Path.join(dir, "pings"), [frame({:hello, 1}), pings, frame({:shutdown})])
    {feeder, growth} = growth(fn -> rss_kb(worker) end, fn -> flood(dir, worker) end)
    IO.puts("  a million pings unread: the worker grew by #{growth} KiB")
    {answers, 0} = System.cmd("cat", [Path.join(dir, "out")])
    assert Task.await(feeder, 60_000) == {"", 0}
    assert_receive {^port, {:exit_status, 0}}, 20_000
    assert pongs(answers, 1) == @pings
    assert growth <= 8 * 1024
  end

  defp start_unread(dir) do
    {"", 0} = System.cmd("mkfifo", [Path.join(dir, "in"), Path.join(dir, "out")])
    {:ok, program} = Contained.Port.locate()
    options = [:exit_status, :hide, args: ["-c", @unread, program, dir]]
    port = Port.open({:spawn_executable, "/bin/sh"}, options)
    {:os_pid, guardian} = Port.info(port, :os_pid)
    [{worker, _state} | _] = eventually(fn -> worker(guardian) end)
    {port, worker}
  end

  defp worker(guardian) do
    children = children(guardian)
    children != [] and children
  end

  # Until the worker has read everything, or reads no more.
  defp flood(dir, worker) do
    args = ["-c", ~s(cat "$0/pings" >"$0/in"), dir]
    feeder = Task.async(fn -> System.cmd("sh", args) end)
    eventually(fn -> read_bytes(worker) > 1_000 end)

    eventually(
      fn -> Enum.uniq(for _ <- 1..20, do: read_later(worker)) |> length() == 1 end,
      60_000
    )

    feeder
  end

  defp read_later(worker), do: receive(after: (10 -> read_bytes(worker)))

  defp read_bytes(worker) do
    [_, count] = Regex.run(~r/^rchar: (\d+)$/m, File.read!("/proc/#{worker}/io"))
    String.to_integer(count)
  end

  # How many answers there are, in order, after the greeting's.
  defp pongs(<<size::32, frame::binary-size(size), rest::binary>>, number) do
    case :erlang.binary_to_term(frame) do
      {:hello, 1, _info} -> pongs(rest, number)
      {:pong, ^number} -> pongs(rest, number + 1)
    end
  end

  defp pongs("", number), do: number - 1
end
