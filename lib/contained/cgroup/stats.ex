defmodule Contained.Cgroup.Stats do
  @moduledoc false
  # What the port program reads from a control group, made into maps.

  # As they cross the port => where they stand in the map.
  @numbers %{
    "cpu_usage_us" => {:cpu, :usage_us},
    "cpu_user_us" => {:cpu, :user_us},
    "cpu_system_us" => {:cpu, :system_us},
    "cpu_throttled" => {:cpu, :throttled},
    "cpu_throttled_us" => {:cpu, :throttled_us},
    "memory_current" => {:memory, :current},
    "memory_peak" => {:memory, :peak},
    "memory_swap" => {:memory, :swap},
    "memory_oom" => {:memory, :oom},
    "memory_oom_kill" => {:memory, :oom_kill},
    "memory_high_events" => {:memory, :high_events},
    "memory_max_events" => {:memory, :max_events},
    "pids_current" => {:pids, :current},
    "pids_peak" => {:pids, :peak},
    "pids_max_events" => {:pids, :max_events},
    "io_read_bytes" => {:io, :read_bytes},
    "io_written_bytes" => {:io, :written_bytes},
    "io_reads" => {:io, :reads},
    "io_writes" => {:io, :writes}
  }

  @flags %{"populated" => :populated, "frozen" => :frozen}

  @doc "Numbers by controller, and flags. What is not known here is left out."
  @spec stats([{binary, non_neg_integer}]) :: map
  def stats(numbers), do: Enum.reduce(numbers, %{}, &put/2)

  defp put({name, number}, stats) do
    case {@numbers, @flags} do
      {%{^name => {controller, key}}, _} -> put(stats, controller, key, number)
      {_, %{^name => flag}} -> Map.put(stats, flag, number != 0)
      _unknown -> stats
    end
  end

  defp put(stats, controller, key, number) do
    Map.update(stats, controller, %{key => number}, &Map.put(&1, key, number))
  end

  @doc "The text of cgroup.events."
  @spec events(binary) :: %{optional(:populated) => boolean, optional(:frozen) => boolean}
  def events(text) do
    for line <- String.split(text, "\n"),
        [name, value] <- [String.split(line)],
        is_map_key(@flags, name),
        into: %{},
        do: {@flags[name], value != "0"}
  end

  @doc "The text of memory.numa_stat: bytes of v2, pages of v1, by kind and node."
  @spec numa(binary) :: %{binary => %{non_neg_integer => non_neg_integer}}
  def numa(text) do
    for line <- String.split(text, "\n"), [kind | nodes] <- [String.split(line)], into: %{} do
      {kind |> String.split("=") |> hd(), Map.new(nodes, &numa_node/1)}
    end
  end

  defp numa_node("N" <> word) do
    [node, amount] = String.split(word, "=")
    {String.to_integer(node), String.to_integer(amount)}
  end

  @pressure %{"avg10" => :avg10, "avg60" => :avg60, "avg300" => :avg300, "total" => :total}

  @doc "The text of a pressure file: `%{some: %{avg10: 0.0, ..., total: 0}, full: ...}`."
  @spec pressure(binary) :: map
  def pressure(text) do
    for line <- String.split(text, "\n"), [kind | words] <- [String.split(line)], into: %{} do
      {if(kind == "full", do: :full, else: :some), Map.new(words, &pressure_number/1)}
    end
  end

  defp pressure_number(word) do
    [name, value] = String.split(word, "=")
    {Map.fetch!(@pressure, name), number(value)}
  end

  defp number(text) do
    case Integer.parse(text) do
      {number, ""} -> number
      _fraction -> String.to_float(text)
    end
  end

  @doc "A process, with its arguments as a list."
  @spec process(map) :: map
  def process(%{command: command} = process) do
    %{process | command: arguments(command)}
  end

  # A zero byte ends each. A program may have written over them.
  defp arguments(""), do: []
  defp arguments(text), do: text |> String.trim_trailing(<<0>>) |> :binary.split(<<0>>, [:global])
end
