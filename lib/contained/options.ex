defmodule Contained.Options do
  @moduledoc false
  # Options are checked, documented and typed by one schema, `Contained.Options.Schema`.
  #
  # Names that `System.cmd/3` knows, and names that nobody knows, are refused in its words.

  alias Contained.{Environment, Signals}
  alias Contained.Options.Schema

  @schema Schema.all()
  @kinds [:cmd, :shell, :run, :stream, :start]

  @max_rungs 16
  @max_wait Schema.max_wait()

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
    case check(type, value) do
      {:ok, value} -> value
      {:null_byte, text} -> null_byte!(name, text)
      :error when system? -> invalid!(name, value)
      :error -> expected!(name, value, Schema.allowed(type))
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

  defp check(:collectable, value), do: {:ok, value}
  defp check(:truthy, value), do: {:ok, if(value, do: true, else: false)}
  defp check(:boolean, value) when is_boolean(value), do: {:ok, value}
  defp check(:count, value) when is_integer(value) and value > 0, do: {:ok, value}
  defp check(:env, value), do: {:ok, Environment.explicit!(value)}
  defp check(:names, value) when is_list(value), do: check_names(value)
  defp check(:string, value) when is_binary(value), do: check_string(value)
  defp check(:input, nil), do: {:ok, :unset}
  defp check(:input, value), do: check_input(value)
  defp check(:ladder, value), do: check_ladder(value)
  defp check(:timeout, :infinity), do: {:ok, :unset}
  defp check(:timeout, value) when value in 1..@max_wait//1, do: {:ok, value}
  defp check({:range, min, max}, value) when value in min..max//1, do: {:ok, value}
  defp check({:one_of, values}, value), do: check_one_of(values, value)
  defp check(:launcher, value), do: check_launcher(value)
  defp check(_type, _value), do: :error

  # {:into, :t} stands for any collectable.
  defp check_one_of(values, {:into, collectable}),
    do: if({:into, :t} in values, do: {:ok, {:into, collectable}}, else: :error)

  defp check_one_of(values, value), do: if(value in values, do: {:ok, value}, else: :error)

  defp check_string(text) do
    if :binary.match(text, "\0") == :nomatch, do: {:ok, text}, else: {:null_byte, text}
  end

  defp check_names(names) do
    good? = &(is_binary(&1) and &1 != "" and :binary.match(&1, ["=", "\0"]) == :nomatch)
    if Enum.all?(names, good?), do: {:ok, names}, else: :error
  end

  defp check_input(data) when is_binary(data), do: {:ok, {:iodata, data}}

  # A list is iodata: an enumerable of chunks that is a list is the same bytes.
  defp check_input(data) when is_list(data) do
    _length = IO.iodata_length(data)
    {:ok, {:iodata, data}}
  rescue
    ArgumentError -> :error
  end

  defp check_input(data) do
    if Enumerable.impl_for(data), do: {:ok, {:enum, data}}, else: :error
  end

  defp check_ladder(rungs) when is_list(rungs) and length(rungs) <= @max_rungs do
    rungs |> without_last_kill() |> Enum.map(&rung/1) |> all_ok()
  end

  defp check_ladder(signal) when is_integer(signal) or is_atom(signal), do: check_ladder([signal])
  defp check_ladder(_other), do: :error

  # SIGKILL to everything follows the last rung anyway.
  defp without_last_kill(rungs) do
    if List.last(rungs) in [:kill, :sigkill, 9], do: Enum.drop(rungs, -1), else: rungs
  end

  defp rung({signal, wait}) when wait in 0..@max_wait//1 do
    with {:ok, number} <- Signals.number(signal), do: {:ok, {number, wait}}
  end

  defp rung(signal), do: Signals.number(signal)

  defp all_ok(results) do
    if :error in results, do: :error, else: {:ok, Keyword.values(results)}
  end

  defp check_launcher(name) when is_atom(name) and name not in [nil, true, false], do: {:ok, name}
  defp check_launcher(pid) when is_pid(pid), do: {:ok, pid}
  defp check_launcher({:global, _name} = launcher), do: {:ok, launcher}
  defp check_launcher({:via, module, _name} = via) when is_atom(module), do: {:ok, via}
  defp check_launcher(_other), do: :error

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
    |> Enum.map(&{&1.name, Schema.typespec(Schema.type(&1, kind))})
    |> Enum.reverse()
    |> Enum.reduce(fn option, union -> quote(do: unquote(option) | unquote(union)) end)
  end
end
