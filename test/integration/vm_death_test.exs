defmodule Contained.VMDeathTest do
  # The same limits as in death_test.exs, for events that end the whole VM. Each run has a VM of
  # its own.
  use Contained.Case, async: false

  import Contained.Proc

  alias Contained.VM

  @moduletag :port
  @moduletag timeout: 300_000

  @limits [median: 150, max: 1_000]

  defp deaths(what, runs, event) do
    within(what, @limits, runs, fn ->
      vm = VM.start(:tree)
      ms = vm.marker |> marked() |> gone_after(fn -> event.(vm) end)
      assert marked(vm.marker) == []
      VM.await_end(vm)
      assert_program_gone(vm)
      ms
    end)
  end

  test "D3, exile 1, muontrap 7: the VM is killed" do
    deaths("VM SIGKILL", 20, &kill("KILL", &1.os_pid))
  end

  test "exile 1: System.stop" do
    deaths("System.stop", 20, &VM.tell(&1, "stop"))
  end

  test "the VM is sent SIGTERM, by which it stops in order" do
    deaths("VM SIGTERM", 5, &kill("TERM", &1.os_pid))
  end

  test "System.halt" do
    deaths("System.halt", 5, &VM.tell(&1, "halt"))
  end

  # systemd sends SIGTERM to every process of the unit: the program leaves the decision to the VM.
  test "SIGTERM to the VM and to the port program at once" do
    deaths("SIGTERM to all", 5, &kill("TERM", [&1.os_pid | Map.values(&1.os_pids)]))
  end

  # A killed VM and a killed guardian or worker: two of three watchers are gone.
  for survivor <- [:worker, :guardian] do
    test "the VM is killed, and of the port program all but the #{survivor}" do
      deaths("SIGKILL to all but the #{unquote(survivor)}", 5, fn vm ->
        kill("KILL", [vm.os_pid | Map.values(Map.delete(vm.os_pids, unquote(survivor)))])
      end)
    end
  end

  # Erlexec 6: a shutdown takes no longer than it has to. A port program that is stopped has to be
  # found out first.
  for victims <- [[:worker], [:guardian], [:guardian, :worker]] do
    test "System.stop with 300 KB of input queued for a stopped #{Enum.join(victims, " and ")}" do
      limits = [median: 3_000, max: 3_000]

      within("System.stop, stopped: #{inspect(unquote(victims))}", limits, 3, fn ->
        vm = VM.start(:wedged, [unquote(victims)])
        ms = VM.ended_after(vm, fn -> VM.tell(vm, "stop") end)
        eventually(fn -> marked(vm.marker) == [] end)
        assert_program_gone(vm)
        ms
      end)
    end
  end
end
