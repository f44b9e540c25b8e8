defmodule Contained.Options.Filter do
  @moduledoc false
  # A profile of `:seccomp`, see `Contained.Seccomp`, checked and made into what crosses the port.

  import Contained.Options.Values, only: [all: 2]

  alias Contained.{Protocol, Seccomp}

  @name ~r/\A[a-z0-9_]{1,64}\z/
  # What crosses the port is a signed integer of the VM's.
  @max_value 0x7FFFFFFFFFFFFFFF
  @ops %{==: :eq, !=: :ne, <: :lt, <=: :le, >=: :ge, >: :gt}

  @doc "The filter as it crosses the port."
  @spec encode(term) :: {:ok, map} | {:error, binary} | :error
  def encode([_ | _] = given) do
    with {:ok, parts} <- all(given, &part/1) do
      parts = Enum.concat(parts)
      base = if {:base, :default} in parts, do: base(), else: []
      own = for {:rule, rule} <- parts, uniq: true, do: rule
      filter(base, own, Keyword.get(parts, :default, :allow))
    end
  end

  def encode(_other), do: :error

  defp base do
    {:ok, parts} = all(Seccomp.default(), &part/1)
    for {:rule, rule} <- Enum.concat(parts), do: rule
  end

  defp part({:base, :default}), do: {:ok, [base: :default]}

  defp part({:default, action}) when action != :log do
    with {:ok, action} <- action(action), do: {:ok, [default: action]}
  end

  defp part({key, calls}) when is_list(calls) do
    with {:ok, action} <- action(key), do: all(calls, &rule(&1, action))
  end

  defp part(_other), do: :error

  defp action(:deny), do: {:ok, {:errno, :eperm}}
  defp action(action) when action in [:allow, :kill, :log], do: {:ok, action}

  defp action({:errno, name} = action) when is_atom(name) do
    if Protocol.errno(Atom.to_string(name)) == name, do: {:ok, action}, else: :error
  end

  defp action(_other), do: :error

  defp rule({call, [_ | _] = conditions}, action) do
    with {:ok, name} <- name(call), {:ok, conditions} <- all(conditions, &condition/1) do
      {:ok, {:rule, {action, name, conditions}}}
    end
  end

  defp rule(call, action) do
    with {:ok, name} <- name(call), do: {:ok, {:rule, {action, name, []}}}
  end

  defp name(call) when is_atom(call), do: name(Atom.to_string(call))
  defp name(call) when is_binary(call), do: if(call =~ @name, do: {:ok, call}, else: :error)
  defp name(_other), do: :error

  defp condition({argument, op, value}) when argument in 0..5 and value in 0..@max_value do
    with {:ok, op} <- op(op), do: {:ok, {argument, op, value}}
  end

  defp condition(_other), do: :error

  defp op({:&, mask}) when mask in 0..@max_value, do: {:ok, {:mask, mask}}
  defp op(op), do: Map.fetch(@ops, op)

  # What is said of a call replaces all that the base says of it.
  defp filter(base, own, default) do
    changed = MapSet.new(own, &elem(&1, 1))
    rules = Enum.reject(base, &(elem(&1, 1) in changed)) ++ own

    case Enum.find_value(own, &fault(&1, own, default)) do
      nil -> {:ok, %{default: default, rules: by_action(rules, default)}}
      text -> {:error, text}
    end
  end

  defp fault({action, name, conditions}, rules, default) do
    arguments = Enum.map(conditions, &elem(&1, 0))
    others = for {_, ^name, others} <- rules, do: others

    cond do
      Enum.uniq(arguments) != arguments ->
        "one argument of #{inspect(name)} has two conditions"

      length(others) > 1 and [] in others ->
        "#{inspect(name)} is treated in two ways"

      action == default and conditions != [] ->
        "#{inspect(name)} has conditions for what is done in any case"

      true ->
        nil
    end
  end

  # What is done in any case needs no rule.
  defp by_action(rules, default) do
    rules
    |> Enum.reject(&(elem(&1, 0) == default))
    |> Enum.group_by(&elem(&1, 0), &call/1)
    |> Enum.to_list()
  end

  defp call({_action, name, []}), do: name
  defp call({_action, name, conditions}), do: {name, conditions}
end
