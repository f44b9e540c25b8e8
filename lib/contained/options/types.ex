defmodule Contained.Options.Types do
  @moduledoc false
  # The types of options, for people and for Dialyzer.

  alias Contained.Cgroup.Name
  alias Contained.Options.{Daemon, Fds, Namespaces, Schema, Seal, Terminal, Who}

  @max_wait Schema.max_wait()

  @doc "What a type allows, for error messages."
  @spec allowed(term) :: binary
  def allowed(:boolean), do: "true or false"
  def allowed(:names), do: "a list of names of environment variables"
  def allowed(:fds), do: Fds.allowed()
  def allowed(:pty), do: Terminal.allowed()
  def allowed(:input), do: "iodata or an enumerable of iodata"
  def allowed(:daemon_input), do: allowed(:input) <> ", or :pipe"
  def allowed({:namespaces, type}), do: Namespaces.allowed(type)
  def allowed({:daemon, type}), do: Daemon.allowed(type)
  def allowed(:timeout), do: "milliseconds from 1 to #{@max_wait}, or :infinity"
  def allowed({:range, min, max}), do: "an integer from #{min} to #{max}"
  def allowed(:launcher), do: "the name or pid of a launcher, or :dedicated"
  def allowed(:container), do: "the name or pid of a container"

  def allowed(:group_path), do: "at most 4 names joined by /, each " <> Name.allowed()
  def allowed(:own_path), do: "at most 5 names joined by /, each " <> Name.allowed()
  def allowed(:group_name), do: Name.allowed()
  def allowed(:controllers), do: ~s(a list of names of controllers such as ["memory"])
  def allowed(:muon_trap), do: "a map such as %{memory_max: 64_000_000}"
  def allowed(:id), do: "a name, or a number from 0 to 4294967294"
  def allowed(:ids), do: "a list of names, or of numbers from 0 to 4294967294"

  def allowed(:settings),
    do: ~s(a list of controllers, files and values such as [{"memory", "memory.high", "32M"}])

  def allowed(:rlimits),
    do:
      "a list such as [nofile: 256, cpu: {10, :infinity}] with soft limits up to the hard ones, of " <>
        Enum.map_join(Who.resources(), ", ", &inspect/1)

  def allowed(:capabilities),
    do: "a list such as [drop: :all, ambient: [:net_bind_service]] with :drop, :keep, :ambient"

  def allowed(type) when type in [:seccomp, :landlock], do: Seal.allowed(type)

  def allowed(:ladder),
    do: "a signal such as :term, or at most 16 signals with times such as [{:term, 500}, :kill]"

  def allowed({:one_of, values}), do: "one of #{Enum.map_join(values, ", ", &value/1)}"

  defp value({:into, :t}), do: "{:into, collectable}"
  defp value(value), do: inspect(value)

  @doc "A type as quoted code."
  @spec typespec(term) :: Macro.t()
  def typespec(:collectable), do: quote(do: Collectable.t())
  def typespec(:truthy), do: quote(do: boolean)
  def typespec(:boolean), do: quote(do: boolean)
  def typespec(:count), do: quote(do: pos_integer)
  def typespec(:string), do: quote(do: binary)
  def typespec(:names), do: quote(do: [binary])
  def typespec(:env), do: quote(do: Enumerable.t())
  def typespec(:fds), do: quote(do: [{3..63, atom | {:input, iodata}}] | map)
  def typespec(:pty), do: Terminal.typespec()
  def typespec(:input), do: quote(do: iodata | Enumerable.t() | nil)
  def typespec(:daemon_input), do: quote(do: iodata | Enumerable.t() | nil | :pipe)
  def typespec({:namespaces, type}), do: Namespaces.typespec(type)
  def typespec({:daemon, type}), do: Daemon.typespec(type)
  def typespec(:timeout), do: quote(do: pos_integer | :infinity)
  def typespec(:group_path), do: quote(do: binary)
  def typespec(:own_path), do: quote(do: binary)
  def typespec(:group_name), do: quote(do: binary)
  def typespec(:controllers), do: quote(do: [binary])
  def typespec(:muon_trap), do: quote(do: map)
  def typespec(:id), do: quote(do: binary | non_neg_integer)
  def typespec(:ids), do: quote(do: [binary | non_neg_integer])
  def typespec(:limits), do: quote(do: keyword | map)
  def typespec(:settings), do: quote(do: [{binary, binary, binary | integer}])
  def typespec(:rlimits), do: quote(do: keyword)
  def typespec(:capabilities), do: quote(do: keyword)
  def typespec(type) when type in [:seccomp, :landlock], do: Seal.typespec(type)
  def typespec({:range, min, _max}) when min < 0, do: quote(do: integer)
  def typespec({:range, 0, _max}), do: quote(do: non_neg_integer)
  def typespec({:range, _min, _max}), do: quote(do: pos_integer)
  def typespec(:container), do: quote(do: GenServer.server())
  def typespec(:launcher), do: quote(do: GenServer.server() | :dedicated)

  def typespec(:ladder) do
    quote do
      atom | 1..64 | [atom | 1..64 | {atom | 1..64, non_neg_integer}]
    end
  end

  def typespec({:one_of, values}) do
    values
    |> Enum.map(&alternative/1)
    |> Enum.reverse()
    |> Enum.reduce(fn value, union -> quote(do: unquote(value) | unquote(union)) end)
  end

  defp alternative({:into, :t}), do: {:into, quote(do: Collectable.t())}
  defp alternative(value), do: value
end
