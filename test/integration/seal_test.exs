defmodule Contained.SealTest do
  # Filters of system calls and rights by path, on real programs.
  use Contained.Case, async: false

  import Contained.Needs

  alias Contained.{Daemon, Error, Launcher}

  @moduletag :port

  @seccomp seccomp()
  @landlock landlock()

  setup do
    %{launcher: start_supervised!({Launcher, []})}
  end

  defp run(ctx, program, args, opts),
    do: Contained.run(program, args, [launcher: ctx.launcher, cd: "/"] ++ opts)

  defp calls(ctx, names, opts) do
    assert {:ok, result} = run(ctx, helper_path("try_calls"), names, opts)
    result
  end

  test "the launcher says what there is", ctx do
    {"", 0} = Contained.cmd("true", [], launcher: ctx.launcher)
    info = GenServer.call(ctx.launcher, :info, 60_000)
    assert info.seccomp == (@seccomp == false)
    assert is_integer(info.landlock) == (@landlock == false)
  end

  describe "seccomp" do
    @describetag skip: @seccomp

    test "programs that need none of it run under the default filter", ctx do
      script = "echo a | tr a b; (sleep 0.01 & wait); kill -0 $$; cat /proc/self/status"
      assert {:ok, %{status: 0, stdout: out}} = run(ctx, "sh", ["-c", script], seccomp: :default)
      assert out =~ ~r/\Ab\n.*NoNewPrivs:\t1\n.*Seccomp:\t2\n/s

      erl =
        ~w(-noshell -eval) ++ ["spawn(fun() -> io:put_chars(os:cmd(\"echo hi\")), halt() end)."]

      assert {:ok, %{stdout: "hi\n"}} = run(ctx, "erl", erl, seccomp: :default)
    end

    @denied [
      unshare: ~w(unshare -U true),
      mount: ~w(mount -t tmpfs none /mnt),
      clock: ["sh", "-c", ~S{date -s "@$(date +%s)"}],
      hostname: ["sh", "-c", ~S{hostname "$(hostname)"}]
    ]

    for {name, [program | _] = command} <- @denied do
      @tag skip: program(program)
      test "the default filter denies what it says: #{name}", ctx do
        [program | args] = unquote(command)
        assert {:ok, result} = run(ctx, program, args, seccomp: :default, env: [{"LC_ALL", "C"}])
        assert result.status != 0

        assert result.stderr =~
                 ~r/not permitted|permission denied|must be superuser|you must be root/
      end
    end

    test "the default filter denies calls, their arguments, and fools nobody by clone3", ctx do
      names = ~w(ptrace keyctl unshare setns clone3 clone_newns tiocsti tiocsti_high fork getppid)

      assert calls(ctx, names, seccomp: :default).stdout ==
               "ptrace 1\nkeyctl 1\nunshare 1\nsetns 1\nclone3 38\nclone_newns 1\n" <>
                 "tiocsti 1\ntiocsti_high 1\nfork 0\ngetppid 0\n"

      assert calls(ctx, ["ptrace"], []).stdout == "ptrace 3\n"

      assert calls(ctx, ~w(ptrace keyctl), seccomp: [base: :default, allow: [:ptrace]]).stdout ==
               "ptrace 3\nkeyctl 1\n"
    end

    test "neither 32-bit calls nor those of x32 are a way around it", ctx do
      out = calls(ctx, ~w(int80_ptrace x32_ptrace), seccomp: [deny: [:ptrace]]).stdout
      assert out =~ ~r/\Aint80_ptrace (1|none)\nx32_ptrace (1|none)\n\z/
    end

    test "who is killed dies of SIGSYS, as a result and not as an error", ctx do
      result = calls(ctx, ["getppid", "ptrace"], seccomp: [kill: [:ptrace]])
      assert %{reason: :signal, exit: {:signaled, 31, _core}, stdout: "getppid 0\n"} = result
    end

    test "a filter that would kill the start is refused", ctx do
      assert {:error, %Error{stage: :seccomp, reason: :einval, subject: "execve"} = error} =
               run(ctx, "true", [], seccomp: [default: :kill, allow: [:read, :write]])

      assert Exception.message(error) =~ "The program itself is started under the filter"
    end

    test "what cannot be executed is told under any filter, and is no start", ctx do
      for default <- [:kill, {:errno, :eperm}], program <- ["/no/such", "no-such-program"] do
        assert {:error, %Error{stage: :exec, reason: :enoent}} =
                 run(ctx, program, [], seccomp: [default: default, allow: [:execve]])
      end

      assert {:error, %Error{stage: :exec, reason: :eperm}} =
               run(ctx, "true", [], seccomp: [deny: [:execve]])
    end

    test "unknown calls are named", ctx do
      assert {:error, %Error{stage: :seccomp, reason: :einval, subject: "no_such_call"} = error} =
               run(ctx, "true", [], seccomp: [deny: [:no_such_call]])

      assert Exception.message(error) =~ "libseccomp knows no such call"
    end

    test "also without control groups" do
      launcher = start_supervised!({Launcher, containment: :best_effort}, id: :stub)
      ctx = %{launcher: launcher}
      assert calls(ctx, ["ptrace"], seccomp: :default).stdout == "ptrace 1\n"

      assert {:error, %Error{stage: :exec, reason: :enoent}} =
               run(ctx, "/no/such", [], seccomp: [default: :kill, allow: [:execve]])
    end

    @isolated (case Contained.run("true", [], pid_isolation: true) do
                 {:ok, %{status: 0}} -> false
                 other -> "needs pid namespaces: #{inspect(other)}"
               end)

    @tag skip: @isolated
    test "comes last, behind an init as well", ctx do
      opts = [pid_isolation: true, seccomp: :default]
      assert calls(ctx, ["ptrace", "unshare"], opts).stdout == "ptrace 1\nunshare 1\n"
      assert {:ok, %{stdout: out}} = run(ctx, "cat", ["/proc/1/status"], opts)
      assert out =~ ~r/^Seccomp:\t0$/m

      assert {:error, %Error{stage: :exec, reason: :enoent}} =
               run(ctx, "/no/such", [], opts ++ [seccomp: [default: :kill, allow: [:execve]]])
    end

    test "daemons have it too", ctx do
      test = self()
      opts = [launcher: ctx.launcher, seccomp: :default, logger_fun: &send(test, {:line, &1})]
      child = {Daemon, [helper_path("try_calls"), ["ptrace"], opts]}
      start_supervised!(Supervisor.child_spec(child, restart: :temporary))
      assert_receive {:line, "ptrace 1"}, within(5_000)
    end
  end
end
