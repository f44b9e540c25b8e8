defmodule Contained.Top do
  @moduledoc """
  What runs, and what it uses: the data behind `Contained.top/0`.
  """

  alias Contained.{Cgroup, Info}

  @typedoc """
  A running command or daemon.

    * `:os_pid` - of its program; `nil` when it has not been started yet
    * `:program` - as it was named, or its path
    * `:kind` - `:daemon` or `:command`
    * `:owner` - the process that started it, or the daemon
    * `:name` - under which the owner is registered, or `nil`
    * `:launcher` - a pid
    * `:since` and `:uptime_ms`
    * `:cpu_us` - processor time of all its processes
    * `:memory` - bytes; of the control group where the kernel counts them, else of all its processes,
      what they share counted several times
    * `:processes` - how many
    * `:state` - of the program: `:running`, `:sleeping`, `:waiting` (for a disk), `:stopped` (by a
      signal), `:frozen`, `:starting` or `:ending`

  A figure that could not be had is `nil`.
  """
  @type row :: %{
          os_pid: pos_integer | nil,
          program: binary,
          kind: :daemon | :command,
          owner: pid,
          name: term,
          launcher: pid,
          since: DateTime.t(),
          uptime_ms: non_neg_integer,
          cpu_us: non_neg_integer | nil,
          memory: non_neg_integer | nil,
          processes: non_neg_integer | nil,
          state: atom
        }

  @doc "All running commands and daemons of this VM, the oldest first."
  @spec rows() :: [row]
  def rows do
    Info.commands() |> Enum.sort_by(& &1.since, DateTime) |> Enum.map(&row/1)
  end

  defp row(%{os_pid: os_pid} = command) do
    target = {command.launcher, command.ref}
    stats = if os_pid, do: ask(Cgroup.stats(target), %{}), else: %{}
    processes = if os_pid, do: ask(Cgroup.processes(target), []), else: []

    command
    |> Map.take([:os_pid, :program, :owner, :launcher, :since])
    |> Map.merge(owner(command.owner))
    |> Map.merge(figures(stats, Enum.map(processes, & &1.pid)))
    |> Map.put(:uptime_ms, max(DateTime.diff(DateTime.utc_now(), command.since, :millisecond), 0))
    |> Map.put(:state, state(os_pid, stats, Enum.find(processes, &(&1.pid == os_pid))))
  end

  # It may have ended by now.
  defp ask({:ok, answer}, _else), do: answer
  defp ask({:error, _error}, otherwise), do: otherwise

  defp owner(pid) do
    case node(pid) == node() && Process.info(pid, [:registered_name, :dictionary]) do
      [registered_name: name, dictionary: dictionary] ->
        %{name: if(is_atom(name), do: name), kind: kind(dictionary[:"$initial_call"])}

      _gone_or_remote ->
        %{name: nil, kind: :command}
    end
  end

  defp kind({module, _function, _arity}) do
    case Atom.to_string(module) do
      "Elixir.Contained.Daemon" <> _ -> :daemon
      _other -> :command
    end
  end

  defp kind(_none), do: :command

  defp figures(stats, pids) do
    %{
      cpu_us: get_in(stats, [:cpu, :usage_us]) || sum(pids, &cpu_us/1),
      memory: get_in(stats, [:memory, :current]) || sum(pids, &resident/1),
      processes: if(pids != [], do: length(pids))
    }
  end

  defp sum([], _figure), do: nil
  defp sum(pids, figure), do: pids |> Enum.map(figure) |> Enum.sum()

  # proc_pid_stat(5): fields 14 to 17 are the ticks (of which a second has 100) of the process and of its dead
  # children; the name in parentheses before them may hold anything.
  defp cpu_us(pid) do
    case File.read("/proc/#{pid}/stat") do
      {:ok, text} ->
        fields = text |> String.split(") ") |> List.last() |> String.split()
        ticks = fields |> Enum.slice(11, 4) |> Enum.map(&String.to_integer/1) |> Enum.sum()
        ticks * 10_000

      {:error, _gone} ->
        0
    end
  end

  # proc_pid_status(5)
  defp resident(pid) do
    with {:ok, text} <- File.read("/proc/#{pid}/status"),
         [_line, kib] <- Regex.run(~r/^VmRSS:\s+(\d+) kB/m, text) do
      String.to_integer(kib) * 1024
    else
      _gone_or_zombie -> 0
    end
  end

  defp state(nil, _stats, _leader), do: :starting
  defp state(_os_pid, %{frozen: true}, _leader), do: :frozen
  defp state(_os_pid, _stats, nil), do: :ending
  defp state(_os_pid, _stats, leader), do: state(leader.state)

  defp state("R"), do: :running
  defp state("D"), do: :waiting
  defp state(stopped) when stopped in ["T", "t"], do: :stopped
  defp state(dead) when dead in ["Z", "X"], do: :ending
  defp state(_sleeping), do: :sleeping

  @head ~w(PID NAME PROGRAM UPTIME CPU% TIME MEMORY PROCS STATE)
  @left ~w(NAME PROGRAM STATE)
  @widest 32

  @doc false
  @spec table([row]) :: binary
  def table(rows) do
    lines = [@head | Enum.map(rows, &cells/1)]

    widths =
      Enum.zip_with(lines, fn column -> column |> Enum.map(&String.length/1) |> Enum.max() end)

    Enum.map_join(lines, "\n", &line(&1, widths))
  end

  defp line(cells, widths) do
    [cells, widths, @head]
    |> Enum.zip_with(fn [cell, width, head] -> pad(cell, width, head in @left) end)
    |> Enum.join("  ")
    |> String.trim_trailing()
  end

  defp pad(cell, width, true), do: String.pad_trailing(cell, width)
  defp pad(cell, width, false), do: String.pad_leading(cell, width)

  defp cells(row) do
    [
      text(row.os_pid),
      shorten(inspect(row.name || row.owner)),
      shorten(row.program),
      duration(div(row.uptime_ms, 1000)),
      share(row.cpu_us, row.uptime_ms),
      time(row.cpu_us),
      size(row.memory),
      text(row.processes),
      "#{row.state}"
    ]
  end

  defp text(nil), do: "-"
  defp text(number), do: "#{number}"

  # The end tells more of a path.
  defp shorten(text) do
    if String.length(text) > @widest,
      do: "…" <> String.slice(text, 1 - @widest, @widest),
      else: text
  end

  defp duration(seconds) when seconds < 3600, do: "#{div(seconds, 60)}:#{two(rem(seconds, 60))}"

  defp duration(seconds) when seconds < 86_400,
    do: "#{div(seconds, 3600)}:#{two(seconds |> rem(3600) |> div(60))}:#{two(rem(seconds, 60))}"

  defp duration(seconds), do: "#{div(seconds, 86_400)}d #{duration(rem(seconds, 86_400))}"

  defp two(number), do: number |> Integer.to_string() |> String.pad_leading(2, "0")

  defp share(nil, _uptime), do: "-"
  defp share(_cpu_us, 0), do: "0.0"
  defp share(cpu_us, uptime_ms), do: fixed(cpu_us / uptime_ms / 10, 1)

  defp time(nil), do: "-"

  defp time(us),
    do: duration(div(us, 1_000_000)) <> "." <> two(us |> rem(1_000_000) |> div(10_000))

  defp size(nil), do: "-"
  defp size(bytes) when bytes < 1024 * 1024, do: "#{div(bytes, 1024)}K"
  defp size(bytes) when bytes < 1024 * 1024 * 1024, do: fixed(bytes / 1024 / 1024, 1) <> "M"
  defp size(bytes), do: fixed(bytes / 1024 / 1024 / 1024, 2) <> "G"

  defp fixed(number, digits), do: :erlang.float_to_binary(number / 1, decimals: digits)
end
