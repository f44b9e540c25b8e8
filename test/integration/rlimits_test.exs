defmodule Contained.RlimitsTest do
  # What a process may use by itself, and its privileges.
  use Contained.Case, async: false

  import Contained.{Needs, Sh}

  alias Contained.{Error, Launcher}

  @moduletag :port
  @moduletag :modes

  setup do
    %{launcher: start_supervised!({Launcher, []})}
  end

  @limits [
    nofile: {100, 200},
    core: 0,
    fsize: "1M",
    as: "1G",
    cpu: {50, 60},
    stack: "4M",
    nproc: 4_000
  ]

  test "torture 61: limits are those that are given, the others the VM's", ctx do
    {vm, 0} = System.cmd("cat", ["/proc/self/limits"])
    command = output(ctx, "cat /proc/self/limits", rlimits: @limits)
    assert line(command, "Max open files") == ["100", "200", "files"]
    assert line(command, "Max core file size") == ["0", "0", "bytes"]
    assert line(command, "Max file size") == ["1048576", "1048576", "bytes"]
    assert line(command, "Max address space") == ["1073741824", "1073741824", "bytes"]
    assert line(command, "Max cpu time") == ["50", "60", "seconds"]
    assert line(command, "Max stack size") == ["4194304", "4194304", "bytes"]
    assert line(command, "Max processes") == ["4000", "4000", "processes"]
    assert line(command, "Max locked memory") == line(vm, "Max locked memory")
  end

  defp line(limits, name) do
    [line] = for line <- String.split(limits, "\n"), String.starts_with?(line, name), do: line
    line |> String.replace_prefix(name, "") |> String.split()
  end

  test "torture 61: a file that grows too long is SIGXFSZ", ctx do
    args = ["if=/dev/zero", "of=#{Path.join(tmp_dir(), "long")}", "bs=1M", "count=3"]
    opts = [launcher: ctx.launcher, rlimits: [fsize: "1M", core: 0]]

    assert {:ok, %{exit: {:signaled, 25, false}, reason: :signal}} =
             Contained.run("dd", args, opts)
  end

  @tag :slow
  test "row 67: CPU time that is used up is SIGXCPU", ctx do
    opts = [rlimits: [cpu: {1, 3}, core: 0], timeout: 30_000]
    assert {:ok, %{exit: {:signaled, 24, false}}} = run(ctx, "while :; do :; done", opts)
  end

  @tag skip: root?() && "needs a user other than root"
  test "a hard limit cannot be raised", ctx do
    assert {:error, %Error{stage: :rlimit, reason: :eperm, subject: "nofile"}} =
             run(ctx, ":", rlimits: [nofile: :infinity])
  end

  test "torture 62: umask, niceness and oom score", ctx do
    assert output(ctx, "umask", umask: 0o027) == "0027\n"
    assert output(ctx, "nice", nice: 15) == "15\n"
    assert output(ctx, "cat /proc/self/oom_score_adj", oom_score_adj: 900) == "900\n"
  end

  @tag skip: root()
  test "torture 62: more than the VM has, for root", ctx do
    assert output(ctx, "nice", nice: -5) == "-5\n"
    assert output(ctx, "nice", nice: -1, user: "nobody") == "-1\n"
  end

  @tag skip: capability(24, "CAP_SYS_RESOURCE")
  test "torture 62: a lower oom score, with the capability for it", ctx do
    opts = [oom_score_adj: -10, user: "nobody"]
    assert output(ctx, "cat /proc/self/oom_score_adj", opts) == "-10\n"
  end

  @tag skip: root?() && "needs a user other than root"
  test "torture 62: more than the VM has is refused", ctx do
    assert {:error, %Error{stage: :nice, reason: reason}} = run(ctx, ":", nice: -20)
    assert reason in [:eacces, :eperm]
    assert {:error, %Error{stage: :oom_score_adj}} = run(ctx, ":", oom_score_adj: -1000)
  end

  @status "grep -E '^(NoNewPrivs|Cap(Inh|Prm|Eff|Bnd|Amb))' /proc/self/status"

  defp status(ctx, opts) do
    for [_, key, value] <- Regex.scan(~r/^(\w+):\t(\w+)$/m, output(ctx, @status, opts)),
        into: %{} do
      {key, String.to_integer(value, 16)}
    end
  end

  test "no_new_privs is off unless it is asked for", ctx do
    assert status(ctx, no_new_privs: true)["NoNewPrivs"] == 1
    [_, vm] = Regex.run(~r/^NoNewPrivs:\t(\d)$/m, File.read!("/proc/self/status"))
    assert "#{status(ctx, [])["NoNewPrivs"]}" == vm
  end

  describe "capabilities" do
    @describetag skip: root()

    @net_bind_service 0x400
    @chown 0x1

    test "all are dropped", ctx do
      sets = status(ctx, capabilities: [drop: :all])
      for set <- ~w(CapInh CapPrm CapEff CapBnd CapAmb), do: assert({set, sets[set]} == {set, 0})
    end

    test "some are dropped, or kept", ctx do
      import Bitwise
      sets = status(ctx, capabilities: [drop: [:chown]])
      for set <- ~w(CapPrm CapEff CapBnd), do: assert(band(sets[set], @chown) == 0)
      assert band(sets["CapEff"], @net_bind_service) != 0

      sets = status(ctx, capabilities: [keep: ["cap_chown"]])
      for set <- ~w(CapPrm CapEff CapBnd), do: assert({set, sets[set]} == {set, @chown})
    end

    test "some are had in spite of the user", ctx do
      sets = status(ctx, user: "nobody", capabilities: [ambient: [:net_bind_service]])

      for set <- ~w(CapPrm CapEff CapAmb),
          do: assert({set, sets[set]} == {set, @net_bind_service})

      assert status(ctx, user: "nobody")["CapEff"] == 0
    end

    test "unknown ones are refused", ctx do
      assert {:error, %Error{stage: :capabilities, reason: :einval, subject: "fly"}} =
               run(ctx, ":", capabilities: [drop: [:fly]])
    end
  end
end
