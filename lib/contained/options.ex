defmodule Contained.Options do
  @moduledoc false
  # Options are checked, documented and typed by one schema, `Contained.Options.Schema`.
  #
  # Names that `System.cmd/3` knows, and names that nobody knows, are refused in its words.

  alias Contained.Options.{Check, Schema, Types}

  @schema Schema.all()
  @kinds [:cmd, :shell, :run, :stream, :start, :daemon]

  # kind => name => {name it stands for, type, whether it is an option of System.cmd/3}
  @known Map.new(@kinds, fn kind ->
           {kind,
            for option <- @schema, kind in option.kinds, into: %{} do
              {option.name, {option.stands_for, Schema.type(option, kind), option.system?}}
            end}
         end)

  @doc "Checks `opts` from left to right; of an option given twice the last one counts."
  @spec parse!(Contained.Command.kind(), keyword) :: map
  def parse!(kind, opts), do: parse!(opts, Map.fetch!(@known, kind), %{})

  defp parse!([], _known, options), do: options

  defp parse!([{name, value} | rest], known, options) do
    case known do
      %{^name => {key, type, system?}} ->
        parse!(rest, known, put(options, key, check!(type, name, value, system?)))

      _unknown ->
        invalid!(name, value)
    end
  end

  defp put(options, key, :unset), do: Map.delete(options, key)
  defp put(options, key, value), do: Map.put(options, key, value)

  defp check!(type, name, value, system?) do
    case Check.check(type, value) do
      {:ok, value} -> value
      {:null_byte, text} -> null_byte!(name, text)
      {:error, text} -> raise ArgumentError, "invalid value for option #{inspect(name)}: #{text}"
      :error when system? -> invalid!(name, value)
      :error -> expected!(name, value, Types.allowed(type))
    end
  end

  defp invalid!(name, value) do
    raise ArgumentError, "invalid option #{inspect(name)} with value #{inspect(value)}"
  end

  defp expected!(name, value, allowed) do
    raise ArgumentError,
          "invalid value for option #{inspect(name)}: expected #{allowed}, got: #{inspect(value)}"
  end

  defp null_byte!(name, text) do
    raise ArgumentError,
          "option #{inspect(name)} has a null byte, got: " <>
            inspect(text, binaries: :as_strings)
  end

  @doc "The text under `## Options` for one kind of command."
  @spec docs(Contained.Command.kind()) :: binary
  def docs(kind) do
    for option <- @schema, kind in option.kinds, into: "" do
      "  * `#{inspect(option.name)}` - #{indent(option.doc)}#{default(Schema.default(option, kind))}\n\n"
    end
  end

  defp indent(text), do: text |> String.trim() |> String.replace("\n", "\n    ")

  defp default(nil), do: ""
  defp default(text), do: ". Defaults to `#{text}`"

  @doc "The type of one option of one kind of command, as quoted code."
  @spec typespec(Contained.Command.kind()) :: Macro.t()
  def typespec(kind) do
    @schema
    |> Enum.filter(&(kind in &1.kinds))
    |> Enum.map(&{&1.name, Types.typespec(Schema.type(&1, kind))})
    |> Enum.reverse()
    |> Enum.reduce(fn option, union -> quote(do: unquote(option) | unquote(union)) end)
  end
end
