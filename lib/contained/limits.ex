defmodule Contained.Limits do
  @moduledoc false
  # The vocabulary of limits: what `limits:` takes, as the text that crosses the port, and back.
  # What each means on control groups v2 and v1 stands in guides/limits.md.

  @vocabulary [
    memory: :bytes,
    memory_high: :bytes,
    memory_low: :bytes,
    memory_min: :bytes,
    swap: :bytes,
    oom_group: :flag,
    cpu: :cores,
    cpu_weight: :weight,
    cpu_idle: :flag,
    cpu_burst: :microseconds,
    cpus: :set,
    mems: :set,
    pids: :count,
    io: :devices,
    io_weight: :weights,
    hugetlb: :pages,
    max_descendants: :count,
    max_depth: :count
  ]

  @keys Keyword.keys(@vocabulary)
  @atoms Map.new(@keys, &{Atom.to_string(&1), &1})
  # What the kernel keeps them in.
  @max_integer 0x7FFFFFFFFFFFFFFF
  @max_cores 1_000_000

  @bytes ~r/\A\d+[KMGT]?\z/i
  @cores ~r/\A\d+(\.\d+)?\z/
  @set ~r/\A\d+(-\d+)?(,\d+(-\d+)?)*\z/
  @device ~r{\A(/dev/[^\s\0]+|\d+:\d+)\z}
  @page ~r/\A\d+[KMG]B\z/

  @type t :: [{atom, term}]
  @type wire :: [{key :: binary, value :: binary}]

  @doc "The keys, in the order of the documentation."
  @spec keys() :: [atom]
  def keys, do: @keys

  @doc "The key of that name; the name itself where it is none of ours."
  @spec key(binary) :: atom | binary
  def key(text), do: Map.get(@atoms, text, text)

  @doc "Limits as text, in the order given; of a key given twice the last one counts."
  @spec encode(term) :: {:ok, wire} | {:error, binary}
  def encode(limits) do
    if pairs?(limits),
      do: limits |> last_of_each() |> encode([]),
      else: {:error, expected(limits)}
  end

  defp pairs?(limits) when is_map(limits), do: not is_struct(limits)
  defp pairs?(limits), do: is_list(limits) and Enum.all?(limits, &match?({_key, _value}, &1))

  defp expected(other) do
    ~s(expected a keyword list such as [memory: "64M", cpu: 0.5], got: #{inspect(other)})
  end

  defp last_of_each(limits) do
    limits |> Enum.to_list() |> Enum.reverse() |> Enum.uniq_by(&elem(&1, 0)) |> Enum.reverse()
  end

  defp encode([], encoded), do: {:ok, encoded |> Enum.reverse() |> Enum.concat()}

  defp encode([{key, value} | rest], encoded) when key in @keys do
    case text(@vocabulary[key], value) do
      :error -> {:error, wrong(key, value)}
      {:ok, texts} -> encode(rest, [for(text <- texts, do: {"#{key}", text}) | encoded])
    end
  end

  defp encode([{key, _value} | _rest], _encoded) do
    {:error,
     "unknown limit #{inspect(key)}, allowed are #{Enum.map_join(@keys, ", ", &inspect/1)}"}
  end

  defp wrong(key, value) do
    "expected #{inspect(key)} to be #{allowed(@vocabulary[key])}, got: #{inspect(value)}"
  end

  defp allowed(:bytes), do: ~s(bytes, an integer or text such as "64M", or :max)
  defp allowed(:flag), do: "true or false"
  defp allowed(:cores), do: "a number of cores such as 0.5, at least 0.001, or :max"
  defp allowed(:weight), do: "an integer from 1 to 10000"
  defp allowed(:microseconds), do: "microseconds, an integer from 0"
  defp allowed(:set), do: ~s(numbers such as 0, 0..1, [0, 2] or "0-1,3")
  defp allowed(:count), do: "an integer from 0, or :max"
  defp allowed(:devices), do: ~s(a list such as [{"/dev/vda", rbps: "1M", wiops: 100}])

  defp allowed(:weights),
    do: ~s(an integer from 1 to 10000, or a list such as [{"/dev/vda", 200}])

  defp allowed(:pages), do: ~s(a list such as [{"2MB", "64M"}])

  ## To text: {:ok, one for each time that the key is to be written}, or :error

  defp text(type, value) when type in [:devices, :pages], do: texts(type, value)
  defp text(:weights, value) when is_list(value), do: texts(:weight_of, value)
  defp text(:weights, value), do: text(:weight, value)

  defp text(type, value) do
    with text when is_binary(text) <- single(type, value), do: {:ok, [text]}
  end

  defp texts(type, values) when is_list(values) or (is_map(values) and not is_struct(values)) do
    texts = Enum.map(values, &single(type, &1))
    if :error in texts, do: :error, else: {:ok, texts}
  end

  defp texts(_type, _values), do: :error

  defp single(type, none)
       when none in [:max, :infinity, "max"] and type in [:bytes, :count, :cores],
       do: "max"

  defp single(:bytes, text) when is_binary(text), do: matching(@bytes, String.upcase(text))
  defp single(:bytes, number), do: integer(number, 0, @max_integer)
  defp single(:flag, flag) when is_boolean(flag), do: if(flag, do: "1", else: "0")
  defp single(:cores, text) when is_binary(text), do: matching(@cores, text)
  defp single(:cores, number) when is_integer(number), do: integer(number, 1, @max_cores)

  defp single(:cores, number) when is_float(number) and number >= 0.001 and number <= @max_cores,
    do: :erlang.float_to_binary(number, [:compact, decimals: 6])

  defp single(:weight, number), do: integer(number, 1, 10_000)
  defp single(:microseconds, number), do: integer(number, 0, @max_integer)
  defp single(:count, number), do: integer(number, 0, @max_integer)
  defp single(:set, [_ | _] = parts), do: join(Enum.map(parts, &single(:set, &1)), ",")
  defp single(:set, text) when is_binary(text), do: matching(@set, text)
  defp single(:set, %Range{first: a, last: b, step: 1}) when a in 0..b//1, do: "#{a}-#{b}"
  defp single(:set, number), do: integer(number, 0, @max_integer)

  defp single(:devices, {device, [_ | _] = rates}),
    do: join([device(device) | Enum.map(rates, &rate/1)], " ")

  defp single(:weight_of, {device, weight}),
    do: join([device(device), single(:weight, weight)], " ")

  defp single(:weight_of, weight), do: single(:weight, weight)

  defp single(:pages, {page, bytes}) when is_binary(page),
    do: join([matching(@page, page), single(:bytes, bytes)], " ")

  defp single(_type, _value), do: :error

  defp device(device), do: if(is_binary(device), do: matching(@device, device), else: :error)

  defp rate({name, value}) when name in [:rbps, :wbps], do: assign(name, single(:bytes, value))
  defp rate({name, value}) when name in [:riops, :wiops], do: assign(name, single(:count, value))
  defp rate(_other), do: :error

  defp assign(_name, :error), do: :error
  defp assign(name, text), do: "#{name}=#{text}"

  defp integer(number, least, most) do
    if is_integer(number) and number in least..most, do: "#{number}", else: :error
  end

  defp matching(pattern, text), do: if(text =~ pattern, do: text, else: :error)

  defp join(parts, separator) do
    if :error in parts, do: :error, else: Enum.join(parts, separator)
  end

  @doc """
  Limits as they are after changes, both as text: what was set for the same thing before is gone.
  """
  @spec merge(wire, wire) :: wire
  def merge(limits, changes), do: Enum.reduce(changes, limits, &put/2)

  # Of one that is set for several devices a later one may take back part of an earlier one: the last
  # has to stay the last.
  defp put({key, _text} = change, limits) do
    if @vocabulary[@atoms[key]] in [:devices, :weights, :pages],
      do: Enum.reject(limits, &(subject(&1) == subject(change))) ++ [change],
      else: List.keystore(limits, key, 0, change)
  end

  # "io", "8:0 rbps=1M wiops=100" is about "8:0 rbps= wiops=", "hugetlb", "2MB 64M" about "2MB".
  defp subject({"io", text}), do: {"io", String.replace(text, ~r/=\S+/, "=")}

  defp subject({key, text}) do
    case String.split(text) do
      [name, _value] -> {key, name}
      [_value] -> {key, ""}
    end
  end

  ## And back

  @doc "Limits as `encode/1` takes them. A value that cannot be read stays text."
  @spec decode(wire) :: t
  def decode(wire) do
    for({name, text} <- wire, key = @atoms[name], do: {key, text})
    |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
    |> Enum.map(fn {key, texts} -> {key, value(@vocabulary[key], texts)} end)
    |> Enum.sort_by(fn {key, _value} -> Enum.find_index(@keys, &(&1 == key)) end)
  end

  defp value(type, texts) when type in [:devices, :pages], do: Enum.map(texts, &pair(type, &1))
  defp value(:weights, [text]), do: with([pair] <- weights([text]), do: pair_or_weight(pair))
  defp value(:weights, texts), do: weights(texts)
  defp value(:flag, [text]), do: text == "1"
  defp value(:set, [text]), do: text
  defp value(_type, [text]), do: number(text)

  defp weights(texts), do: Enum.map(texts, &pair(:weights, &1))

  defp pair_or_weight(weight) when is_integer(weight), do: weight
  defp pair_or_weight(other), do: [other]

  defp pair(type, text) do
    case String.split(text) do
      [device | rates] when type == :devices -> {device, Enum.map(rates, &read_rate/1)}
      [name, value] -> {name, number(value)}
      [value] -> number(value)
    end
  end

  defp read_rate(text) do
    [name, value] = String.split(text, "=", parts: 2)
    {Enum.find([:rbps, :wbps, :riops, :wiops], name, &("#{&1}" == name)), number(value)}
  end

  defp number("max"), do: :max

  defp number(text) do
    case {Integer.parse(text), Float.parse(text)} do
      {{number, ""}, _} -> number
      {_, {number, ""}} -> number
      _other -> text
    end
  end
end
