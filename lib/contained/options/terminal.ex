defmodule Contained.Options.Terminal do
  @moduledoc false
  # The option `:pty`: a pseudo terminal in place of pipes.

  @most 0xFFFF
  @default {24, 80, false}

  @type size :: 1..65_535
  @typedoc "Rows, columns and whether it echoes, as the port program is told."
  @type t :: {size, size, boolean}

  @spec rows([atom]) :: [tuple]
  def rows(kinds) do
    [
      {:pty, :pty, "false",
       "when true, stdin, stdout and stderr are a pseudo terminal (pty(7)) of the command's own, which\n" <>
         "controls its session; as a list, with `rows:` (24), `columns:` (80) and whether it echoes what it is\n" <>
         "sent, `echo:` (false). All that is written there is stdout, with its lines ended by CR LF. What is\n" <>
         "sent counts as typed, also control characters, in lines of at most 4,095 bytes, and its end as\n" <>
         "Ctrl-D, unless the command has changed that (termios(3)). `:stdin` and `:stderr` may take streams\n" <>
         "out. See `Contained.Process.resize/3`", kinds}
    ]
  end

  @spec allowed() :: binary
  def allowed do
    "true, false, or a list of rows: and columns: from 1 to #{@most} and echo: true or false, " <>
      "such as [rows: 40, columns: 132]"
  end

  @spec typespec() :: Macro.t()
  def typespec do
    quote(do: boolean | [{:rows | :columns, pos_integer} | {:echo, boolean}])
  end

  @spec check(term) :: {:ok, t | :unset} | :error
  def check(false), do: {:ok, :unset}
  def check(true), do: {:ok, @default}
  def check([{_name, _value} | _] = options), do: check(options, @default)
  def check(_other), do: :error

  defp check([], terminal), do: {:ok, terminal}

  defp check([{:rows, rows} | rest], {_rows, columns, echo}) when rows in 1..@most,
    do: check(rest, {rows, columns, echo})

  defp check([{:columns, columns} | rest], {rows, _columns, echo}) when columns in 1..@most,
    do: check(rest, {rows, columns, echo})

  defp check([{:echo, echo} | rest], {rows, columns, _echo}) when is_boolean(echo),
    do: check(rest, {rows, columns, echo})

  defp check(_other, _terminal), do: :error

  @doc "What the port program is told of the streams: what would be a pipe is the terminal."
  @spec spec(map, map) :: map
  def spec(streams, %{pty: terminal} = options) do
    streams
    |> Map.put(:pty, terminal)
    |> Map.put(:stdin, stdin(streams.stdin, options))
    |> Map.put(:stderr, stderr(streams.stderr, options))
  end

  def spec(streams, _options), do: streams

  # The defaults of some kinds.
  defp stdin(:null, %{stdin: :null}), do: :null
  defp stdin(:null, %{close_stdin: true}), do: :null
  defp stdin(:null, _options), do: :open
  defp stdin(stdin, _options), do: stdin

  defp stderr(stderr, %{stderr: _asked}), do: stderr
  defp stderr(_default, _options), do: :stdout

  @doc "Checks a new size."
  @spec size!(term, term) :: {size, size}
  def size!(rows, columns) when rows in 1..@most and columns in 1..@most, do: {rows, columns}

  def size!(rows, columns) do
    raise ArgumentError,
          "invalid size of a terminal: expected rows and columns from 1 to #{@most}, got: " <>
            "#{inspect(rows)} and #{inspect(columns)}"
  end
end
