defmodule Contained.Totals do
  @moduledoc false
  # An ExUnit formatter beside the usual one, for scripts/test: names each test that did not run and
  # closes with lines that the script adds up, alike in all versions of Elixir (from 1.19 on ExUnit's
  # own total leaves excluded tests out):
  #
  #     mode: <capability> <passed> <failed> <skipped>     a module tagged :modes
  #     totals: <passed> <failed> <skipped>
  use GenServer

  @none %{passed: 0, failed: 0, skipped: 0}

  @impl true
  def init(_opts), do: {:ok, %{all: @none, modes: %{}, not_run: []}}

  @impl true
  def handle_cast({:test_finished, test}, state), do: {:noreply, count(test, state)}

  def handle_cast({:suite_finished, _times}, state) do
    for line <- Enum.sort(state.not_run), do: IO.puts("not run: #{line}")
    for {name, n} <- Enum.sort(state.modes), do: IO.puts("mode: #{name} #{line(n)}")
    IO.puts("totals: #{line(state.all)}")
    {:noreply, state}
  end

  def handle_cast(_event, state), do: {:noreply, state}

  defp line(n), do: "#{n.passed} #{n.failed} #{n.skipped}"

  # Not asked for (mix test --only): neither run nor missed.
  defp count(%{state: {:excluded, "due to test filter"}}, state), do: state

  defp count(test, state) do
    kind = kind(test.state)

    %{
      all: add(state.all, kind),
      modes:
        if(test.tags[:modes], do: add_mode(state.modes, test.module, kind), else: state.modes),
      not_run: if(kind == :skipped, do: [not_run(test) | state.not_run], else: state.not_run)
    }
  end

  defp kind(nil), do: :passed
  defp kind({kind, _reason}) when kind in [:skipped, :excluded], do: :skipped
  defp kind(_failed_or_invalid), do: :failed

  defp add(counts, kind), do: Map.update!(counts, kind, &(&1 + 1))

  defp add_mode(modes, module, kind) do
    counts = Map.get(modes, capability(module), @none)
    Map.put(modes, capability(module), add(counts, kind))
  end

  # Contained.CgroupLimitsTest -> cgroup_limits
  defp capability(module) do
    module
    |> Module.split()
    |> List.last()
    |> Macro.underscore()
    |> String.replace(~r/_test$/, "")
  end

  defp not_run(%{state: {_kind, reason}} = test),
    do: "#{inspect(test.module)} #{test.name} (#{reason})"
end
