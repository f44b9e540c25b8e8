defmodule Contained.LimitsTest do
  use ExUnit.Case, async: true

  alias Contained.Limits

  @texts [
    {:memory, 65_536, ["65536"]},
    {:memory, "64M", ["64M"]},
    {:memory, "64m", ["64M"]},
    {:memory, :max, ["max"]},
    {:memory_high, :infinity, ["max"]},
    {:memory_low, "1G", ["1G"]},
    {:memory_min, 0, ["0"]},
    {:swap, 0, ["0"]},
    {:oom_group, true, ["1"]},
    {:oom_group, false, ["0"]},
    {:cpu, 0.5, ["0.5"]},
    {:cpu, 2, ["2"]},
    {:cpu, 0.001, ["0.001"]},
    {:cpu, 1.0e3, ["1000.0"]},
    {:cpu, "1.5", ["1.5"]},
    {:cpu, :max, ["max"]},
    {:cpu_weight, 10_000, ["10000"]},
    {:cpu_idle, true, ["1"]},
    {:cpu_burst, 5_000, ["5000"]},
    {:cpus, "0-1,3", ["0-1,3"]},
    {:cpus, 0, ["0"]},
    {:cpus, 0..1, ["0-1"]},
    {:cpus, [0, 2..3], ["0,2-3"]},
    {:mems, "0", ["0"]},
    {:pids, 0, ["0"]},
    {:pids, :max, ["max"]},
    {:io, [{"/dev/vda", rbps: "1m", wiops: 100}], ["/dev/vda rbps=1M wiops=100"]},
    {:io, [{"8:0", wbps: :max}, {"8:16", riops: 1}], ["8:0 wbps=max", "8:16 riops=1"]},
    {:io, %{"8:0" => [rbps: 1]}, ["8:0 rbps=1"]},
    {:io_weight, 200, ["200"]},
    {:io_weight, [100, {"/dev/vda", 200}], ["100", "/dev/vda 200"]},
    {:hugetlb, [{"2MB", "64M"}], ["2MB 64M"]},
    {:max_descendants, 0, ["0"]},
    {:max_depth, :max, ["max"]}
  ]

  @wrong [
    memory: 1.5,
    memory: "64MB",
    memory: "",
    memory: nil,
    memory: 0x8000000000000000,
    swap: "64M\n",
    oom_group: 1,
    cpu: 0,
    cpu: 0.0,
    cpu: 0.0001,
    cpu: -0.5,
    cpu: "half",
    cpu_weight: 0,
    cpu_weight: 10_001,
    cpu_weight: :max,
    cpu_idle: nil,
    cpu_burst: -1,
    cpus: "0-",
    cpus: [],
    cpus: 1..0//-1,
    cpus: [0, "x"],
    pids: -1,
    pids: "100",
    io: "8:0 rbps=1",
    io: [{"/dev/vda", []}],
    io: [{"/dev/v da", rbps: 1}],
    io: [{"vda", rbps: 1}],
    io: [{"8:0", bps: 1}],
    io: [{"8:0", rbps: -1}],
    io_weight: 0,
    io_weight: [{"8:0", 10_001}],
    hugetlb: [{"2M", 1}],
    hugetlb: 1,
    max_depth: "x"
  ]

  defp text(key, value) do
    {:ok, wire} = Limits.encode([{key, value}])
    assert Enum.all?(wire, fn {name, _text} -> name == "#{key}" end)
    Enum.map(wire, &elem(&1, 1))
  end

  defp refused(limits) do
    {:error, text} = Limits.encode(limits)
    text
  end

  test "each key has a text for the port program" do
    for {key, value, texts} <- @texts do
      assert {key, value, text(key, value)} == {key, value, texts}
    end
  end

  test "the order is kept; of a key given twice the last one counts" do
    limits = [pids: 1, memory: 2, pids: 3]
    assert Limits.encode(limits) == {:ok, [{"memory", "2"}, {"pids", "3"}]}
    assert Limits.encode(%{pids: 3}) == {:ok, [{"pids", "3"}]}
    assert Limits.encode([]) == {:ok, []}
  end

  test "a wrong value names the key, what is allowed and what was given" do
    assert refused(memory: -1) ==
             ~s(expected :memory to be bytes, an integer or text such as "64M", or :max, got: -1)

    for {key, value} <- @wrong do
      assert refused([{key, value}]) =~ ~r/\Aexpected #{inspect(key)} to be .+, got: /s,
             inspect({key, value})
    end
  end

  test "an unknown key names those that are known" do
    text = refused(memory: 1, memory_max: 1)
    assert text =~ "unknown limit :memory_max, allowed are :memory, :memory_high, "
    for key <- Limits.keys(), do: assert(text =~ inspect(key))
    assert refused([{"memory", 1}]) =~ ~s(unknown limit "memory")
  end

  test "no list of pairs" do
    for wrong <- [nil, "64M", [:memory], 1..2, [{:memory, 1, 2}]] do
      assert refused(wrong) =~ "expected a keyword list such as"
    end
  end

  test "what is read back can be written again" do
    wire = [
      {"memory", "67108864"},
      {"swap", "max"},
      {"oom_group", "1"},
      {"cpu", "0.5"},
      {"cpu_weight", "100"},
      {"cpus", "0-1"},
      {"pids", "7"},
      {"io", "8:0 rbps=1048576 wiops=max"},
      {"io", "8:16 riops=5"},
      {"io_weight", "100"},
      {"hugetlb", "2MB 4194304"}
    ]

    limits = Limits.decode(wire)
    assert limits[:memory] == 67_108_864
    assert limits[:swap] == :max
    assert limits[:oom_group] == true
    assert limits[:cpu] == 0.5
    assert limits[:io] == [{"8:0", [rbps: 1_048_576, wiops: :max]}, {"8:16", [riops: 5]}]
    assert Limits.encode(limits) == {:ok, wire}

    weights = [{"io_weight", "100"}, {"io_weight", "8:0 200"}]
    assert Limits.encode(Limits.decode(weights)) == {:ok, weights}
    assert Limits.encode(Limits.decode(tl(weights))) == {:ok, tl(weights)}
  end

  test "what cannot be read stays text" do
    assert Limits.decode([{"memory", "a lot"}, {"unknown", "1"}]) == [{:memory, "a lot"}]
  end

  test "changes replace what they are about, and nothing else" do
    before = [
      {"memory", "64M"},
      {"swap", "0"},
      {"io", "8:0 rbps=1 wiops=2"},
      {"hugetlb", "2MB 0"}
    ]

    assert Limits.merge(before, []) == before

    assert Limits.merge(before, [{"memory", "1G"}, {"pids", "5"}]) ==
             [{"memory", "1G"} | tl(before)] ++ [{"pids", "5"}]

    [memory, swap, rates, pages] = before

    assert Limits.merge(before, [{"io", "8:0 rbps=3"}, {"hugetlb", "2MB 64M"}]) ==
             [memory, swap, rates, {"io", "8:0 rbps=3"}, {"hugetlb", "2MB 64M"}]

    again = [{"io", "8:0 rbps=3"}, {"io", "8:0 rbps=5 wiops=5"}, {"io_weight", "100"}]

    assert Limits.merge(before, again ++ [{"io_weight", "8:0 7"}]) ==
             [memory, swap, pages | again] ++ [{"io_weight", "8:0 7"}]
  end
end
