defmodule Contained.SignalsTest do
  use ExUnit.Case, async: true

  alias Contained.Signals

  test "names, with and without sig, and numbers" do
    assert Signals.number(:term) == {:ok, 15}
    assert Signals.number(:sigterm) == {:ok, 15}
    assert Signals.number(:kill) == {:ok, 9}
    assert Signals.number(1) == {:ok, 1}
    assert Signals.number(64) == {:ok, 64}
  end

  test "the numbers are those of this machine's kill -l" do
    for number <- 1..31 do
      {name, 0} = System.cmd("bash", ["-c", "kill -l #{number}"])
      atom = name |> String.trim() |> String.downcase() |> String.to_atom()
      assert Signals.number(atom) == {:ok, number}
      assert Signals.name(number) == atom
    end
  end

  test "anything else is refused" do
    for wrong <- [0, 65, -1, :no_such, "term", nil, 1.0] do
      assert Signals.number(wrong) == :error
    end

    assert_raise ArgumentError,
                 "unknown signal :nope, expected a name such as :term or a number from 1 to 64",
                 fn -> Signals.number!(:nope) end
  end

  test "a real-time signal has no name" do
    assert Signals.name(40) == 40
  end
end
