defmodule Contained.Identity do
  @moduledoc false
  # As whom a command runs: `:user`, `:group` and `:groups` become numbers, and HOME, USER and LOGNAME
  # those of the user.
  #
  # Names are looked up by `contained_port --identity`, a process of its own: the name service may
  # load what it likes and take its time, and neither the launcher nor its worker waits.

  alias Contained.{Error, Inquiry, Protocol}

  @variables ~w(HOME USER LOGNAME)

  @type t :: {ids :: map, env :: [{binary, binary | nil}]}

  @doc "The ids for the start request, and what they change in the environment."
  @spec resolve(map) :: {:ok, t} | {:error, Error.t()}
  def resolve(options) when is_map_key(options, :user) do
    if known?(options), do: {:ok, {numbers(options), []}}, else: look_up(options)
  end

  def resolve(options) when is_map_key(options, :group) or is_map_key(options, :groups) do
    if numeric?(options), do: {:ok, {numbers(options), []}}, else: look_up(options)
  end

  def resolve(_options), do: {:ok, {%{}, []}}

  defp known?(options) do
    numeric?(options) and is_map_key(options, :group) and is_map_key(options, :groups) and
      variables(options) == []
  end

  defp numeric?(options) do
    named? = &is_binary/1
    not Enum.any?([options[:user], options[:group] | Map.get(options, :groups, [])], named?)
  end

  # Those that have to be set: neither wanted otherwise nor unwanted altogether.
  defp variables(%{clear_env: true}), do: []
  defp variables(options) when not is_map_key(options, :user), do: []
  defp variables(options), do: @variables -- Enum.map(Map.get(options, :env, []), &elem(&1, 0))

  defp numbers(options) do
    ids = for {from, to} <- [user: :uid, group: :gid], id = options[from], into: %{}, do: {to, id}
    Map.put(ids, :groups, Map.get(options, :groups, []))
  end

  ## Looking up

  defp look_up(options) do
    with {:ok, found} <- ask(arguments(options), options) do
      {:ok, {ids(found, options), Enum.map(variables(options), &{&1, found[&1]})}}
    end
  end

  # Numbers alone need no look-up, and an empty list would be one of no names.
  defp arguments(options) do
    groups = Map.get(options, :groups, [])

    named =
      if Enum.any?(groups, &is_binary/1), do: ["groups=" <> Enum.join(groups, ",")], else: []

    for(key <- [:user, :group], id = options[key], do: "#{key}=#{id}") ++ named
  end

  defp ids(found, options) do
    groups = options |> Map.get(:groups) |> groups(found, options)
    found |> Map.take([:uid, :gid]) |> Map.put(:groups, groups)
  end

  defp groups(nil, found, %{user: _}), do: Map.get(found, :groups, [])
  defp groups(nil, _found, _options), do: []

  defp groups(given, found, _options) do
    if Enum.any?(given, &is_binary/1), do: Map.get(found, :groups, []), else: given
  end

  defp ask(arguments, options) do
    case Inquiry.ask(["--identity" | arguments]) do
      {:ok, 0, text} -> {:ok, parse(text)}
      {:ok, _status, "error " <> text} -> {:error, refusal(text, options)}
      {:error, %{reason: :timeout}} -> {:error, error(:timeout, options)}
      {:error, %{reason: :eproto}} -> {:error, error(:eproto, options)}
      {:error, error} -> {:error, with_subject(error, options)}
      {:ok, _status, _unusable} -> {:error, error(:eproto, options)}
    end
  end

  defp with_subject(%{subject: nil} = error, options),
    do: %{error | subject: error(nil, options).subject}

  defp with_subject(error, _options), do: error

  defp error(reason, options) do
    stage = Enum.find([:user, :group, :groups], &is_map_key(options, &1))
    %Error{stage: stage, reason: reason, subject: subject(options[stage])}
  end

  defp subject(ids) when is_list(ids), do: Enum.join(ids, ",")
  defp subject(id), do: to_string(id)

  ## Its answers

  defp parse(text) do
    text |> String.split("\n", trim: true) |> Enum.reduce(%{}, &line(words(&1), &2))
  end

  # A name or a directory may hold blanks.
  defp words(line), do: String.split(line, " ", parts: 2)

  defp line(["uid", number], found), do: Map.put(found, :uid, String.to_integer(number))
  defp line(["gid", number], found), do: Map.put(found, :gid, String.to_integer(number))
  defp line(["groups", numbers], found), do: Map.put(found, :groups, integers(numbers))
  defp line(["name", name], found), do: Map.merge(found, %{"USER" => name, "LOGNAME" => name})
  defp line(["home", directory], found), do: Map.put(found, "HOME", directory)
  defp line(_nothing_of_ours, found), do: found

  defp integers(text), do: text |> String.split() |> Enum.map(&String.to_integer/1)

  @stages %{"user" => :user, "group" => :group, "groups" => :groups}

  defp refusal(text, options) do
    case text |> String.trim_trailing("\n") |> String.split(" ", parts: 3) do
      [field, errno, value] when is_map_key(@stages, field) ->
        %Error{stage: @stages[field], reason: Protocol.errno(errno), subject: value}

      _unusable ->
        error(:eproto, options)
    end
  end
end
