defmodule Contained.Totals do
  @moduledoc false
  # An ExUnit formatter beside the usual one, for scripts/test: names each test that did not run and
  # closes with one line of totals, alike in all versions of Elixir (from 1.19 on ExUnit's own total
  # leaves excluded tests out).
  use GenServer

  @impl true
  def init(_opts), do: {:ok, %{passed: 0, failed: 0, skipped: []}}

  @impl true
  def handle_cast({:test_finished, test}, state), do: {:noreply, count(test, state)}

  def handle_cast({:suite_finished, _times}, state) do
    for line <- Enum.sort(state.skipped), do: IO.puts("not run: #{line}")
    IO.puts("totals: #{state.passed} #{state.failed} #{length(state.skipped)}")
    {:noreply, state}
  end

  def handle_cast(_event, state), do: {:noreply, state}

  defp count(%{state: nil}, state), do: %{state | passed: state.passed + 1}

  defp count(%{state: {kind, reason}} = test, state) when kind in [:skipped, :excluded] do
    %{state | skipped: ["#{inspect(test.module)} #{test.name} (#{reason})" | state.skipped]}
  end

  defp count(_failed_or_invalid, state), do: %{state | failed: state.failed + 1}
end
