defmodule Contained.Options.Check do
  @moduledoc false
  # Whether a value is of an option's type, and what it then means.

  alias Contained.Cgroup.Name
  alias Contained.{Environment, Limits, Options, Signals}
  alias Contained.Options.{Fds, MuonTrap, Schema, Seal, Terminal, Who}

  @max_rungs 16
  @max_wait Schema.max_wait()
  # What crosses the port is bounded as a whole; a page is what the kernel takes of a file.
  @max_setting 4096

  @type result :: {:ok, term} | {:null_byte, binary} | {:error, binary} | :error

  @doc "`:error` stands for the words of the type, `{:error, text}` brings its own."
  @spec check(term, term) :: result
  def check(:collectable, value), do: {:ok, value}
  def check(:truthy, value), do: {:ok, if(value, do: true, else: false)}
  def check(:boolean, value) when is_boolean(value), do: {:ok, value}
  def check(:count, value) when is_integer(value) and value > 0, do: {:ok, value}
  def check(:env, value), do: {:ok, Environment.explicit!(value)}
  def check(:names, value) when is_list(value), do: check_names(value)
  def check(:string, value) when is_binary(value), do: check_string(value)
  def check(:fds, value), do: Fds.check(value)
  def check(:pty, value), do: Terminal.check(value)
  def check(:input, nil), do: {:ok, :unset}
  def check(:input, value), do: check_input(value)
  def check(:daemon_input, :pipe), do: {:ok, :pipe}
  def check(:daemon_input, value), do: check(:input, value)
  def check({:namespaces, type}, value), do: Options.Namespaces.check(type, value)
  def check({:daemon, type}, value), do: Options.Daemon.check(type, value)
  def check(:ladder, value), do: check_ladder(value)
  def check(:timeout, :infinity), do: {:ok, :unset}
  def check(:timeout, value) when value in 1..@max_wait//1, do: {:ok, value}
  def check({:range, min, max}, value) when value in min..max//1, do: {:ok, value}
  def check({:one_of, values}, value), do: check_one_of(values, value)
  def check(:launcher, value), do: check_launcher(value)
  def check(:container, name) when name in [nil, true, false, :dedicated], do: :error
  def check(:container, value), do: check_launcher(value)
  def check(:limits, value), do: Limits.encode(value)
  def check(:group_path, value), do: Name.split(value, 4)
  def check(:own_path, value), do: Name.split(value, 5)
  def check(:group_name, value), do: if(Name.valid?(value), do: {:ok, value}, else: :error)
  def check(:settings, value) when is_list(value), do: check_settings(value, [])
  def check(:muon_trap, value) when is_map(value), do: {:ok, MuonTrap.config!(value)}
  def check(:controllers, value) when is_list(value), do: check_controllers(value)
  def check(:id, value), do: Who.id(value)
  def check(:ids, value), do: Who.ids(value)
  def check(:rlimits, value), do: Who.rlimits(value)
  def check(:capabilities, value), do: Who.capabilities(value)
  def check(:seccomp, value), do: Seal.seccomp(value)
  def check(:landlock, value), do: Seal.landlock(value)
  def check(_type, _value), do: :error

  defp check_settings([], checked), do: {:ok, Enum.reverse(checked)}

  defp check_settings([setting | rest], checked) do
    with {:ok, setting} <- setting(setting), do: check_settings(rest, [setting | checked])
  end

  defp check_settings(_improper, _checked), do: :error

  defp setting({controller, file, value}) do
    with true <- Name.controller?(controller) and Name.settable?(file),
         {:ok, value} <- setting_value(value) do
      {:ok, {controller, file, value}}
    else
      _wrong -> :error
    end
  end

  defp setting(_other), do: :error

  @doc "A value to be written to a control group's file."
  @spec setting_value(term) :: {:ok, binary} | :error
  def setting_value(number) when is_integer(number), do: {:ok, Integer.to_string(number)}

  def setting_value(text) when is_binary(text) and byte_size(text) in 1..@max_setting do
    if :binary.match(text, "\0") == :nomatch, do: {:ok, text}, else: :error
  end

  def setting_value(_other), do: :error

  defp check_controllers(names) do
    if Enum.all?(names, &Name.controller?/1), do: {:ok, Enum.uniq(names)}, else: :error
  end

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
end
