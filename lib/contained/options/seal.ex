defmodule Contained.Options.Seal do
  @moduledoc false
  # The options that take something from a command for ever: `:seccomp` and `:landlock`.

  import Contained.Options.Values, only: [all: 2]

  alias Contained.Options.Filter
  alias Contained.Seccomp

  # Once, and not for every command.
  @default Seccomp.default() |> Filter.encode() |> elem(1)

  @spec rows() :: [tuple]
  def rows do
    [
      {:seccomp, :seccomp, nil,
       "a filter of system calls: `:default` forbids what `Contained.Seccomp` lists, and\n" <>
         "`[default: :kill, allow: [...]]` or `[deny: [:socket]]` is one of your own. See the guide\n" <>
         "\"Seccomp and Landlock\""},
      {:landlock, :landlock, nil,
       "the only files and directories that the command may use, `[read: [\"/usr\"], write: [\"/tmp\"]]`,\n" <>
         "by absolute paths; the program and its libraries are to be among them"}
    ]
  end

  @spec allowed(:seccomp | :landlock) :: binary
  def allowed(:seccomp) do
    ":default, or a list such as [default: :allow, deny: [:socket]] with :base, :default, :allow, " <>
      ":deny, :kill, :log, {:errno, name}"
  end

  def allowed(:landlock),
    do: ~s(a list such as [read: ["/usr"], write: ["/tmp"]] with at least one absolute path)

  @spec typespec(:seccomp | :landlock) :: Macro.t()
  def typespec(:seccomp), do: quote(do: :default | Contained.Seccomp.profile())
  def typespec(:landlock), do: quote(do: [{:read | :write, binary | [binary]}])

  @doc "The filter as it crosses the port."
  @spec seccomp(term) :: {:ok, map} | {:error, binary} | :error
  def seccomp(:default), do: {:ok, @default}
  def seccomp(given), do: Filter.encode(given)

  @doc "The paths as they cross the port."
  @spec landlock(term) :: {:ok, [{:read | :write, binary}]} | {:null_byte, binary} | :error
  def landlock(given) when is_list(given) do
    with {:ok, [_ | _] = lists} <- all(given, &paths/1),
         [_ | _] = paths <- Enum.concat(lists) do
      null_byte(paths) || {:ok, paths}
    else
      _wrong -> :error
    end
  end

  def landlock(_other), do: :error

  defp paths({access, path}) when is_binary(path), do: paths({access, [path]})

  defp paths({access, paths}) when access in [:read, :write] and is_list(paths) do
    all(paths, fn
      <<?/, _::binary>> = path -> {:ok, {access, path}}
      _relative -> :error
    end)
  end

  defp paths(_other), do: :error

  defp null_byte(paths) do
    Enum.find_value(paths, fn {_access, path} ->
      if :binary.match(path, "\0") != :nomatch, do: {:null_byte, path}
    end)
  end
end
