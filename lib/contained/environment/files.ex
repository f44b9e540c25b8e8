defmodule Contained.Environment.Files do
  @moduledoc false
  # Variables from files: `env_file:`, lines as in environment.d(5) without their expansions, and `env_dir:`, a directory
  # with a file for each variable, as envdir of daemontools reads it.

  alias Contained.Error

  @max_size 1024 * 1024
  @blanks [?\s, ?\t, ?\r]

  @type changes :: [Contained.Environment.change()]

  @doc "The changes that a daemon's or a command's options name, of the directory first."
  @spec changes(map) :: {:ok, changes} | {:error, Error.t()}
  def changes(options) do
    with {:ok, of_dir} <- read(options[:env_dir], &dir/1),
         {:ok, of_file} <- read(options[:env_file], &file/1),
         do: {:ok, of_dir ++ of_file}
  end

  defp read(nil, _read), do: {:ok, []}
  defp read(path, read), do: read.(Path.expand(path))

  @doc """
  `NAME=value` in each line. Blanks around name and value are left out, so are lines that are empty or begin with
  `#` or `;`, and quotes (double or single) around the whole value.
  """
  @spec file(Path.t()) :: {:ok, changes} | {:error, Error.t()}
  def file(path) do
    with {:ok, text} <- content(path) do
      text |> String.split("\n") |> Enum.with_index(1) |> lines(path, [])
    end
  end

  defp lines([], _path, changes), do: {:ok, Enum.reverse(changes)}

  defp lines([{line, number} | lines], path, changes) do
    case line(trim(line)) do
      :none -> lines(lines, path, changes)
      {:ok, change} -> lines(lines, path, [change | changes])
      :error -> {:error, error(:einval, "#{path}:#{number}")}
    end
  end

  defp line(""), do: :none
  defp line(<<first, _comment::binary>>) when first in [?#, ?;], do: :none

  defp line(line) do
    with [name, value] <- String.split(line, "=", parts: 2),
         name = trim(name),
         true <- name =~ ~r/\A[A-Za-z_][A-Za-z0-9_]*\z/ and :binary.match(value, "\0") == :nomatch do
      {:ok, {name, unquoted(trim(value))}}
    else
      _wrong -> :error
    end
  end

  defp unquoted(<<quote, rest::binary>> = value) when quote in [?", ?'] and rest != "" do
    if :binary.last(rest) == quote, do: binary_part(rest, 0, byte_size(rest) - 1), else: value
  end

  defp unquoted(value), do: value

  @doc """
  The first line of each file is the value of the variable that the file is named after, without blanks at its end; a zero
  byte in it stands for the end of a line. An empty file removes the variable. Names that begin with a dot are left out.
  """
  @spec dir(Path.t()) :: {:ok, changes} | {:error, Error.t()}
  def dir(path) do
    case File.ls(path) do
      {:ok, names} -> names |> Enum.sort() |> Enum.reject(&hidden?/1) |> variables(path, [])
      {:error, reason} -> {:error, error(reason, path)}
    end
  end

  defp hidden?(name), do: String.starts_with?(name, ".")

  defp variables([], _path, changes), do: {:ok, Enum.reverse(changes)}

  defp variables([name | names], path, changes) do
    file = Path.join(path, name)

    with {:name, true} <- {:name, :binary.match(name, "=") == :nomatch},
         {:ok, text} <- content(file) do
      variables(names, path, [{name, value(text)} | changes])
    else
      {:name, false} -> {:error, error(:einval, file)}
      error -> error
    end
  end

  defp value(""), do: nil

  defp value(text) do
    [line | _more] = :binary.split(text, "\n")
    line |> trim_end() |> :binary.replace("\0", "\n", [:global])
  end

  # Neither a device nor a pipe is read, which may have no end.
  defp content(path) do
    with {:ok, %{type: :regular, size: size}} when size <= @max_size <- File.stat(path),
         {:ok, text} <- File.read(path) do
      {:ok, text}
    else
      {:ok, %{type: :regular}} -> {:error, error(:efbig, path)}
      {:ok, %{type: :directory}} -> {:error, error(:eisdir, path)}
      {:ok, _other} -> {:error, error(:einval, path)}
      {:error, reason} -> {:error, error(reason, path)}
    end
  end

  defp error(reason, subject), do: %Error{stage: :env, reason: reason, subject: subject}

  # Bytes, not characters: values need not be UTF-8.
  defp trim(text), do: text |> trim_start() |> trim_end()

  defp trim_start(<<blank, rest::binary>>) when blank in @blanks, do: trim_start(rest)
  defp trim_start(text), do: text

  defp trim_end(""), do: ""

  defp trim_end(text) do
    if :binary.last(text) in @blanks,
      do: trim_end(binary_part(text, 0, byte_size(text) - 1)),
      else: text
  end
end
