defmodule Contained.Options.ValuesTest do
  use ExUnit.Case, async: true

  import Contained.Options.Values

  test "all are right, or none" do
    check = fn item -> if is_atom(item), do: {:ok, {item}}, else: :error end
    assert all([:a, :b], check) == {:ok, [{:a}, {:b}]}
    assert all([], check) == {:ok, []}
    assert all([:a, 1], check) == :error
    assert all([:a | :b], check) == :error
    assert all(:a, check) == :error
  end

  test "bytes, also with a unit" do
    assert bytes(1) == {:ok, 1}
    assert bytes("64") == {:ok, 64}
    assert bytes("2K") == {:ok, 2048}
    assert bytes("3G") == {:ok, 3 * 1024 * 1024 * 1024}

    for wrong <- [0, -1, 1.5, "", "K", "1k", "1KB", " 1", "0", "-1K", "9999999T", nil, :max],
        do: assert(bytes(wrong) == :error)
  end
end
