defmodule Contained.Executable do
  @moduledoc false
  # Finds programs as `System.cmd/3` does: an absolute path as it is, anything else in the
  # directories of the VM's PATH. No call here goes through the file server.

  import Bitwise
  require Record

  Record.defrecordp(
    :file_info,
    Record.extract(:file_info, from_lib: "kernel/include/file.hrl")
  )

  @doc "The path to execute; relative names are looked for in PATH, absolute ones not touched."
  @spec find(binary) :: {:ok, binary} | :error
  def find(<<?/, _::binary>> = path), do: {:ok, path}
  def find(""), do: :error

  def find(name) do
    case :os.getenv(~c"PATH") do
      false -> :error
      path -> path |> directories() |> search(name)
    end
  end

  @doc """
  The VM's PATH, if a search for `name` in it needs nothing else: a name without a slash, and
  absolute directories only.
  """
  @spec search_path(binary) :: binary | nil
  def search_path(name) do
    bare? = name != "" and :binary.match(name, "/") == :nomatch
    path = if bare?, do: :os.getenv(~c"PATH"), else: false
    if path, do: absolute_only(directories(path))
  end

  defp absolute_only(directories) do
    if Enum.all?(directories, &match?(<<?/, _::binary>>, &1)), do: Enum.join(directories, ":")
  end

  @doc "What access(2) with X_OK would say, as far as it can be told from outside."
  @spec check(binary) :: :ok | {:error, atom}
  def check(path) do
    case stat(path) do
      {:ok, info} -> if runnable?(info), do: :ok, else: {:error, :eacces}
      {:error, reason} -> {:error, reason}
    end
  end

  @doc "The working directory of the VM; `nil` when it has been removed."
  @spec cwd() :: binary | nil
  def cwd do
    case :prim_file.get_cwd() do
      {:ok, cwd} -> :unicode.characters_to_binary(cwd, :unicode, :file.native_name_encoding())
      {:error, _reason} -> nil
    end
  end

  @doc "`path` as seen from the working directory of the VM."
  @spec absolute(binary) :: binary
  def absolute(<<?/, _::binary>> = path), do: path

  def absolute(path) do
    case cwd() do
      nil -> path
      cwd -> join(cwd, path)
    end
  end

  defp directories(path) do
    path
    |> :unicode.characters_to_binary(:unicode, :file.native_name_encoding())
    |> :binary.split(":", [:global])
  end

  defp search([], _name), do: :error

  defp search([directory | others], name) do
    path = directory |> entry() |> join(name)
    if executable?(path), do: {:ok, path}, else: search(others, name)
  end

  defp entry(directory) when directory in ["", "."], do: cwd() || "."
  defp entry(directory), do: absolute(directory)

  defp join("/", name), do: "/" <> name
  defp join(directory, name), do: directory <> "/" <> name

  defp executable?(path) do
    case stat(path) do
      {:ok, file_info(type: :regular) = info} -> runnable?(info)
      _other -> false
    end
  end

  # Raw: in this process. POSIX time: local time would cost more than the system call.
  defp stat(path), do: :file.read_file_info(path, [:raw, time: :posix])

  # Some execute bit, whoever's: the rest is for execve(2) to say.
  defp runnable?(file_info(mode: mode)), do: band(mode, 0o111) != 0
end
