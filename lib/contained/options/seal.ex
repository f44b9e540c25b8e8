defmodule Contained.Options.Seal do
  @moduledoc false
  # The options that take something from a command for ever: `:seccomp` and `:landlock`.

  alias Contained.{Protocol, Seccomp}

  @name ~r/\A[a-z0-9_]{1,64}\z/
  # What crosses the port is a signed integer of the VM's.
  @max_value 0x7FFFFFFFFFFFFFFF
  @ops %{==: :eq, !=: :ne, <: :lt, <=: :le, >=: :ge, >: :gt}

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

  ## Landlock

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

  ## Seccomp

  @doc "The filter as it crosses the port."
  @spec seccomp(term) :: {:ok, map} | {:error, binary} | :error
  def seccomp(:default), do: seccomp(Seccomp.default())

  def seccomp([_ | _] = given) do
    with {:ok, parts} <- all(given, &part/1) do
      parts = Enum.concat(parts)
      base = if {:base, :default} in parts, do: base(), else: []
      own = for {:rule, rule} <- parts, uniq: true, do: rule
      filter(base, own, Keyword.get(parts, :default, :allow))
    end
  end

  def seccomp(_other), do: :error

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

  # The values of all, if each is right. An improper list is not.
  defp all(list, check, checked \\ [])
  defp all([], _check, checked), do: {:ok, Enum.reverse(checked)}

  defp all([item | rest], check, checked) do
    with {:ok, value} <- check.(item), do: all(rest, check, [value | checked])
  end

  defp all(_improper, _check, _checked), do: :error
end
