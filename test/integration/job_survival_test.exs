defmodule Contained.JobSurvivalTest do
  # A job is to outlive the VM that started it, whatever becomes of that, and is found again by the next one.
  use Contained.Case, async: false

  import Contained.Jobs
  import Contained.Proc, only: [kill: 2]

  alias Contained.{Job, Result, VM}

  @moduletag :port
  @moduletag timeout: 300_000

  for {what, event} <- [
        {"SIGKILL", quote(do: &kill("KILL", &1.os_pid))},
        {"System.stop, the end of a release", quote(do: &VM.tell(&1, "stop"))},
        {"SIGKILL to it and its port program",
         quote(do: fn vm -> kill("KILL", [vm.os_pid | Map.values(vm.os_pids)]) end)}
      ] do
    test "the VM ends by #{what}, and the next one adopts the job" do
      namespace = namespace()
      vm = VM.start(:job, [namespace])
      os_pid = String.to_integer(vm.marker)
      unquote(event).(vm)
      VM.await_end(vm)
      assert os_alive?(os_pid)
      assert Job.check(namespace, "db")

      next = VM.start(:job, [namespace])
      assert String.to_integer(next.marker) == os_pid
      kill("KILL", next.os_pid)
      VM.await_end(next)

      assert {:ok, %Result{reason: :stopped}} = Job.stop(namespace, "db")
      refute os_alive?(os_pid)
    end
  end
end
