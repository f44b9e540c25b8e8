defmodule Contained.Daemon.Output do
  @moduledoc false
  # Makes lines of what a daemon writes, for each of its streams apart, as System does: LF and CR LF are
  # cut off, and a last line without an end is a line as well.
  #
  # No more than `max_line` bytes of a stream are held back. A longer line comes in pieces, none of
  # them inside of a character, and each but the last is followed by a marker: nothing is lost, and what
  # was one line can be told from several.

  alias Contained.Lines

  @max_line 65_536
  @marker " [...]"

  defstruct max_line: @max_line, marker: @marker, valid: false, streams: %{}, order: []

  @type stream :: :stdout | :stderr | {:fd, 3..63}

  @opaque t :: %__MODULE__{
            max_line: pos_integer,
            marker: binary,
            valid: boolean,
            streams: %{optional(stream) => Lines.t()},
            order: [stream]
          }

  @doc """
  Nothing read yet.

    * `:max_line` - bytes of a line, or of a piece of one; 64 KiB by default
    * `:marker` - what follows a piece that is not the last of its line
    * `:valid` - whether the lines are to be valid UTF-8, see `valid/1`; false by default
  """
  @spec new(keyword | map) :: t
  def new(opts \\ []) do
    struct!(__MODULE__, opts |> Map.new() |> Map.take([:max_line, :marker, :valid]))
  end

  @doc "The lines of `stream` that `data` completes, in the order of writing."
  @spec feed(t, stream, binary) :: {[binary], t}
  def feed(%__MODULE__{} = output, stream, data) do
    {complete, lines} = output |> lines(stream) |> Lines.split(data)
    {over, lines} = relieve(output, lines)
    {finish(output, complete) ++ validate(output, over), put(output, stream, lines)}
  end

  @doc "What is left at the end, of all streams; the line that began first is the first."
  @spec flush(t) :: {[{stream, binary}], t}
  def flush(%__MODULE__{order: order} = output) do
    left =
      for stream <- Enum.reverse(order),
          line <- finish(output, Lines.finish(output.streams[stream])),
          do: {stream, line}

    {left, %{output | streams: %{}, order: []}}
  end

  @doc """
  `text` as it is when it is valid UTF-8; otherwise U+FFFD stands for each byte that is not.
  """
  @spec valid(binary) :: binary
  def valid(text), do: if(String.valid?(text), do: text, else: replace(text, ""))

  defp replace(<<char::utf8, rest::binary>>, done),
    do: replace(rest, <<done::binary, char::utf8>>)

  defp replace(<<_byte, rest::binary>>, done), do: replace(rest, <<done::binary, 0xFFFD::utf8>>)
  defp replace("", done), do: done

  defp lines(%{streams: streams}, stream), do: Map.get_lazy(streams, stream, &Lines.new/0)

  # `order` names the streams with something pending, the one that has waited longest last.
  defp put(output, stream, lines) do
    streams = Map.put(output.streams, stream, lines)
    %{output | streams: streams, order: order(output.order, stream, Lines.pending_size(lines))}
  end

  defp order(order, stream, 0), do: List.delete(order, stream)
  defp order(order, stream, _size), do: if(stream in order, do: order, else: [stream | order])

  # One byte more may be the CR of a CR LF.
  defp relieve(%{max_line: max} = output, lines) do
    if Lines.pending_size(lines) > max + 1 do
      [pending] = Lines.finish(lines)
      {pieces, rest} = cut(pending, output, max + 1, [])
      {[], lines} = Lines.split(Lines.new(), :binary.copy(rest))
      {pieces, lines}
    else
      {[], lines}
    end
  end

  defp finish(output, lines) do
    validate(output, Enum.flat_map(lines, &whole(&1, output)))
  end

  defp whole(line, %{max_line: max}) when byte_size(line) <= max, do: [line]

  defp whole(line, %{max_line: max} = output) do
    {pieces, rest} = cut(line, output, max, [])
    pieces ++ [rest]
  end

  defp cut(line, _output, enough, pieces) when byte_size(line) <= enough,
    do: {Enum.reverse(pieces), line}

  defp cut(line, output, enough, pieces) do
    {piece, rest} = split(line, output.max_line)
    cut(rest, output, enough, [piece <> output.marker | pieces])
  end

  # RFC 3629: a character has at most three bytes after its first, each 10xxxxxx.
  defp split(line, max) do
    at =
      Enum.find(
        max..max(max - 3, 1)//-1,
        max,
        &(Bitwise.band(:binary.at(line, &1), 0xC0) != 0x80)
      )

    {binary_part(line, 0, at), binary_part(line, at, byte_size(line) - at)}
  end

  defp validate(%{valid: false}, lines), do: lines
  defp validate(%{valid: true}, lines), do: Enum.map(lines, &valid/1)
end
