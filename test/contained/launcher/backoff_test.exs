defmodule Contained.Launcher.BackoffTest do
  use ExUnit.Case, async: true

  alias Contained.Launcher.Backoff

  defp delays(backoff, n) do
    Enum.map_reduce(1..n, backoff, fn now, backoff ->
      backoff |> Backoff.opened(now) |> Backoff.failed(now)
    end)
  end

  test "the first retry is immediate, the others double from 50 ms to 2 s" do
    {delays, _} = delays(Backoff.new(), 9)
    assert delays == [0, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000]
  end

  test "a program that lived for a second starts the count afresh" do
    {_, backoff} = delays(Backoff.new(), 5)
    assert {0, backoff} = backoff |> Backoff.opened(10_000) |> Backoff.failed(11_000)
    assert {50, _} = backoff |> Backoff.opened(12_000) |> Backoff.failed(12_999)
  end

  test "so does one that started a command" do
    {_, backoff} = delays(Backoff.new(), 5)

    assert {0, _} =
             backoff |> Backoff.opened(10_000) |> Backoff.worked() |> Backoff.failed(10_001)
  end
end
