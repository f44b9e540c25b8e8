defmodule Contained.Daemon.PressureTest do
  use Contained.Case, async: true

  alias Contained.Daemon.Pressure

  # A tree like /proc, with this load and these percentages of waiting.
  defp proc(load, psi \\ %{}) do
    path = tmp_dir()
    File.write!(Path.join(path, "loadavg"), "#{load} 9.00 9.00 3/1234 4711\n")
    if psi != %{}, do: File.mkdir!(Path.join(path, "pressure"))

    for {resource, percent} <- psi,
        do: File.write!(Path.join(path, "pressure/#{resource}"), psi(percent))

    path
  end

  defp psi(percent) do
    "some avg10=#{percent} avg60=99.00 avg300=99.00 total=1\n" <>
      "full avg10=99.00 avg60=99.00 avg300=99.00 total=1\n"
  end

  defp check(opts, proc) do
    {:ok, pressure} = Pressure.parse(opts, proc)
    Pressure.check(pressure, proc)
  end

  test "neither option, no pressure" do
    assert Pressure.parse([]) == {:ok, nil}
    assert Pressure.parse(%{pause_above: nil}) == {:ok, nil}
  end

  test "what the options may not be" do
    for wrong <- [
          [pause_above: -1],
          [pause_above: "4"],
          [pause_above: {:load, :high}],
          [pause_above: {:psi, :disk, 5}],
          [pause_above: {:psi, :cpu, 101}],
          [pause_above: 2, resume_below: 3],
          [pause_above: 2, resume_below: {:psi, :cpu, 1}],
          [resume_below: 3]
        ] do
      assert Pressure.parse(wrong, proc("0.10", %{cpu: "0.00"})) == {:error, Pressure.allowed()}
    end
  end

  test "what the kernel does not count is refused, not ignored" do
    assert Pressure.parse([pause_above: {:psi, :io, 5}], proc("0.10", %{cpu: "0.00"})) ==
             {:error, Pressure.allowed()}
  end

  test "the load of the last minute, against both thresholds" do
    for {load, where} <- [
          {"2.50", :above},
          {"2.00", :between},
          {"1.00", :between},
          {"0.99", :below}
        ] do
      assert check([pause_above: 2, resume_below: {:load, 1.0}], proc(load)) == where
    end
  end

  test "with one threshold there is nothing between" do
    assert check([pause_above: 2.0], proc("2.00")) == :below
    assert check([pause_above: 2.0], proc("2.01")) == :above
  end

  test "the share of time in which some task waited" do
    opts = [pause_above: {:psi, :memory, 20}, resume_below: {:psi, :memory, 5}]

    for {percent, where} <- [{"20.01", :above}, {"12.00", :between}, {"4.99", :below}] do
      assert check(opts, proc("0.00", %{memory: percent})) == where
    end
  end

  test "what cannot be read any more changes nothing" do
    proc = proc("1.00")
    {:ok, pressure} = Pressure.parse([pause_above: 2], proc)
    File.rm!(Path.join(proc, "loadavg"))
    assert Pressure.check(pressure, proc) == :between
  end

  test "this machine" do
    assert check([pause_above: 1_000_000], "/proc") == :below
    assert check([pause_above: 0.0, resume_below: 0.0], proc("0.01")) == :above
  end
end
