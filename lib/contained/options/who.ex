defmodule Contained.Options.Who do
  @moduledoc false
  # Checks of the options that say as whom a command runs and what it may use.

  import Contained.Options.Values, only: [all: 2]

  @max_id 0xFFFFFFFE
  @max_groups 65_536
  @max_limit 0x7FFFFFFFFFFFFFFF
  @units %{"" => 1, "K" => 1024, "M" => 1024 ** 2, "G" => 1024 ** 3, "T" => 1024 ** 4}
  # getrlimit(2), without RLIMIT_.
  @resources ~w(as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime) ++
               ~w(sigpending stack)
  @resources Enum.map(@resources, &String.to_atom/1)

  @name ~r/\A[^\s,:=\/\0]{1,256}\z/u
  @capability ~r/\A(cap_)?[a-z0-9_]{1,40}\z/

  @spec resources() :: [atom]
  def resources, do: @resources

  @doc "A user or group, by name or number."
  @spec id(term) :: {:ok, binary | non_neg_integer} | :error
  def id(number) when number in 0..@max_id, do: {:ok, number}
  def id(name) when is_binary(name), do: if(valid_name?(name), do: {:ok, name}, else: :error)
  def id(_other), do: :error

  defp valid_name?(name), do: String.valid?(name) and name =~ @name

  @spec ids(term) :: {:ok, [binary | non_neg_integer]} | :error
  def ids(ids) when is_list(ids) and length(ids) <= @max_groups, do: all(ids, &id/1)
  def ids(_other), do: :error

  @doc "Resource limits as `{name, soft, hard}`; of a name given twice the last one counts."
  @spec rlimits(term) :: {:ok, [{atom, term, term}]} | :error
  def rlimits(limits) when is_list(limits) do
    with {:ok, limits} <- all(limits, &rlimit/1) do
      {:ok, limits |> Enum.reverse() |> Enum.uniq_by(&elem(&1, 0)) |> Enum.reverse()}
    end
  end

  def rlimits(_other), do: :error

  defp rlimit({name, {soft, hard}}) when name in @resources do
    with {:ok, soft} <- amount(soft), {:ok, hard} <- amount(hard) do
      # An atom is greater than any number.
      if soft <= hard, do: {:ok, {name, soft, hard}}, else: :error
    end
  end

  defp rlimit({name, both}) when name in @resources, do: rlimit({name, {both, both}})
  defp rlimit(_other), do: :error

  defp amount(:infinity), do: {:ok, :infinity}
  defp amount(number) when number in 0..@max_limit, do: {:ok, number}

  defp amount(text) when is_binary(text) do
    case Integer.parse(text) do
      {number, unit} when is_map_key(@units, unit) -> amount(number * @units[unit])
      _other -> :error
    end
  end

  defp amount(_other), do: :error

  @doc "Capabilities as they cross the port."
  @spec capabilities(term) :: {:ok, map} | :error
  def capabilities(changes) when is_list(changes) do
    with {:ok, changes} <- all(changes, &change/1), do: {:ok, Map.new(changes)}
  end

  def capabilities(_other), do: :error

  defp change({:drop, :all}), do: {:ok, {:drop, :all}}

  defp change({key, names}) when key in [:drop, :keep, :ambient] and is_list(names) do
    with {:ok, names} <- all(names, &capability/1), do: {:ok, {key, names}}
  end

  defp change(_other), do: :error

  defp capability(name) when is_atom(name), do: capability(Atom.to_string(name))

  defp capability(name) when is_binary(name) do
    if name =~ @capability, do: {:ok, name}, else: :error
  end

  defp capability(_other), do: :error
end
