defmodule Contained.ProtocolTest do
  use ExUnit.Case, async: true

  alias Contained.Protocol

  @fixture Path.expand("../fixtures/frames.txt", __DIR__)

  defp frames(direction) do
    for line <- File.stream!(@fixture), String.starts_with?(line, direction <> " ") do
      [_, name, hex, term] = String.split(line, " ", parts: 4)
      {name, Base.decode16!(hex), parse(term)}
    end
  end

  defp parse(text) do
    {:ok, tokens, _} = text |> String.to_charlist() |> :erl_scan.string()
    {:ok, term} = :erl_parse.parse_term(tokens)
    term
  end

  defp term(frame), do: frame |> IO.iodata_to_binary() |> :erlang.binary_to_term()

  # What our encoders make of a request that they can make.
  defp encode({:hello, 1}), do: Protocol.hello()
  defp encode({:start, id, spec}), do: Protocol.start(id, spec)
  defp encode({:input, id, data}), do: Protocol.input(id, 0, data)
  defp encode({:input, id, fd, data}), do: Protocol.input(id, fd, data)
  defp encode({:close_input, id}), do: Protocol.close_input(id, 0)
  defp encode({:close_input, id, fd}), do: Protocol.close_input(id, fd)
  defp encode({:sweep, ref}), do: Protocol.sweep(ref)
  defp encode({:credit, id, stream, bytes}), do: Protocol.credit(id, stream, bytes)
  defp encode({:signal, id, number, target}), do: Protocol.signal(id, number, target)
  defp encode({:stop, id, ladder}), do: Protocol.stop(id, ladder)
  defp encode({:control, id, ref, operation}), do: Protocol.control(id, ref, operation)

  defp encode({:group_control, ref, path, operation}) when operation != :paint,
    do: Protocol.group_control(ref, path, operation)

  defp encode({:open_link, name}), do: Protocol.open_link(name)
  defp encode({:close_link, name}), do: Protocol.close_link(name)
  defp encode({:ping, number}), do: Protocol.ping(number)
  defp encode({:shutdown}), do: Protocol.shutdown()
  defp encode(_unusable), do: nil

  test "the golden requests say what our encoders say" do
    for {name, bytes, term} <- frames("down") do
      assert :erlang.binary_to_term(bytes) == term, name
      if frame = encode(term), do: assert(term(frame) == term, name)
    end
  end

  test "each kind of request has a golden frame" do
    kinds = for {_, _, term} <- frames("down"), encode(term), uniq: true, do: elem(term, 0)

    assert Enum.sort(kinds) ==
             ~w(close_input close_link control credit group_control hello input open_link ping)a ++
               ~w(shutdown signal start stop sweep)a
  end

  test "the golden events are decoded" do
    for {name, bytes, term} <- frames("up") do
      assert Protocol.decode(bytes) == {:ok, term}, name
    end
  end

  test "each kind of event has a golden frame" do
    kinds = for {_, _, term} <- frames("up"), uniq: true, do: elem(term, 0)

    assert Enum.sort(kinds) ==
             (~w(answer closed ended failed group_event hello input_closed input_credit orphan_exit) ++
                ~w(output pong refused signaled started stuck vm_signal))
             |> Enum.map(&String.to_atom/1)
             |> Enum.sort()
  end

  test "output is a part of its frame, not a copy" do
    data = :binary.copy("x", 10_000)
    frame = <<131, 104, 4, 119, 6, "output", 98, 7::32, 97, 1, 109, 10_000::32, data::binary>>

    assert {:ok, {:output, 7, 1, ^data = payload}} = Protocol.decode(frame)
    assert :binary.referenced_byte_size(payload) == byte_size(frame)
  end

  test "output written by another encoder is decoded as well" do
    frame = :erlang.term_to_binary({:output, 300, 2, "hi"})
    assert Protocol.decode(frame) == {:ok, {:output, 300, 2, "hi"}}
  end

  test "what is no term is refused, and makes no atom" do
    assert Protocol.decode("") == :error
    assert Protocol.decode(<<131, 104, 4, 119, 6, "output">>) == :error

    unknown = "contained_unknown_atom"
    assert Protocol.decode(<<131, 119, byte_size(unknown), unknown::binary>>) == :error
    assert_raise ArgumentError, fn -> String.to_existing_atom(unknown) end
  end

  test "a chunk of input is referred to, not copied" do
    chunk = :binary.copy("x", 60_000)
    assert Enum.any?(Protocol.input(1, 0, chunk), &(&1 == chunk))
  end

  test "an answer may hold nothing, text, numbers and processes" do
    process = %{pid: 1, ppid: 0, start_time: 9, state: "S", name: "x", command: "x\0"}

    for term <- [nil, "text", [{"cpu_usage_us", 1}], [{"memory", "max"}], [process], 3] do
      answer = {:answer, 1, 0x7FFFFFFF, {:ok, term}}
      assert Protocol.decode(:erlang.term_to_binary(answer)) == {:ok, answer}
    end
  end

  test "an errno has its name" do
    assert Protocol.errno("enoent") == :enoent
    assert Protocol.errno("no errno") == :einval
  end

  test "every atom that may come up is known" do
    for atom <- Protocol.atoms() do
      frame = :erlang.term_to_binary({:refused, 1, atom, atom})
      assert Protocol.decode(frame) == {:ok, {:refused, 1, atom, atom}}
    end
  end
end
