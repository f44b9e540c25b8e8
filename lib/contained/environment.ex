defmodule Contained.Environment do
  @moduledoc false
  # The environment of the VM at call time. The port program inherited it when it was started, so
  # only what changed since has to travel.

  @type change :: {binary, binary | nil}
  @opaque snapshot :: [{charlist, charlist}]

  @doc "The environment of the VM now; taken where the port program is started."
  @spec snapshot() :: snapshot
  def snapshot, do: :os.env()

  @doc "What changed in the environment of the VM since `base`; `nil` is a variable removed."
  @spec changes(snapshot) :: [change]
  def changes(base), do: diff(base, :os.env())

  @doc "What leads from the environment `base` to the environment `now`."
  @spec diff(snapshot, snapshot) :: [change]
  def diff(base, base), do: []

  def diff(base, now) do
    set = now -- base
    removed = for {key, _value} <- base -- now, not List.keymember?(set, key, 0), do: {key, nil}
    Enum.flat_map(removed ++ set, &to_bytes(&1, base))
  end

  defp to_bytes({key, nil}, _base), do: encode(key, fn key -> {key, nil} end)

  defp to_bytes({key, value}, base) do
    encode(key, fn key -> encode(value, &{key, strip(key, &1, base)}) end) |> List.flatten()
  end

  # As ERTS does for putenv(3): in the encoding of file names. What that encoding cannot express,
  # the VM could not hand on either.
  defp encode(chars, fun) do
    case :unicode.characters_to_binary(chars, :unicode, :file.native_name_encoding()) do
      bytes when is_binary(bytes) -> [fun.(bytes)]
      _unencodable -> []
    end
  end

  # The launcher script of the VM puts its own directories in front of PATH; a PATH changed since
  # (often "/x:" <> PATH) still has them, and the port program strips inherited ones only.
  defp strip("PATH", path, base) do
    with {_, bindir} <- List.keyfind(base, ~c"BINDIR", 0),
         {_, rootdir} <- List.keyfind(base, ~c"ROOTDIR", 0) do
      remove_entries(path, "#{bindir}:#{rootdir}/bin")
    else
      nil -> path
    end
  end

  defp strip(_key, value, _base), do: value

  defp remove_entries(path, path), do: ""

  defp remove_entries(path, entries) do
    closed = :binary.replace(":" <> path <> ":", ":" <> entries <> ":", ":")
    binary_part(closed, 1, byte_size(closed) - 2)
  end

  @doc "The variables of the VM with these names, as a command would inherit them."
  @spec pick([binary]) :: [change]
  def pick([]), do: []

  def pick(names) do
    now = snapshot()

    now
    |> Enum.filter(fn {key, _value} -> List.to_string(key) in names end)
    |> Enum.flat_map(&to_bytes(&1, now))
  end

  @doc "Checks the `env:` option, an enumerable of pairs; raises what `System.cmd/3` raises."
  @spec explicit!(Enumerable.t()) :: [change]
  def explicit!(env), do: Enum.map(env, &pair!/1)

  defp pair!({key, nil}), do: {key!(key), nil}
  defp pair!({key, value}), do: {key!(key), value!(key, value)}

  defp pair!(other),
    do: raise(ArgumentError, "invalid environment key-value #{inspect(other)}")

  defp key!(key) do
    text!(key)

    if key == "" or :binary.match(key, ["=", "\0"]) != :nomatch do
      raise ArgumentError,
            "invalid environment variable name #{inspect(key)}: " <>
              "it must not be empty nor contain \"=\" or a null byte"
    end

    key
  end

  defp value!(key, value) do
    text!(value)

    if :binary.match(value, "\0") != :nomatch do
      raise ArgumentError,
            "invalid value of environment variable #{inspect(key)}, it has a null byte: " <>
              inspect(value, binaries: :as_strings)
    end

    value
  end

  # Called for what it raises: FunctionClauseError when not a binary, UnicodeConversionError when
  # not UTF-8, as System.cmd/3.
  defp text!(text), do: String.to_charlist(text)
end
