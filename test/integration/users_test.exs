defmodule Contained.UsersTest do
  # Commands that run as somebody else.
  use Contained.Case, async: false

  import Contained.{Needs, Proc, Sh}

  alias Contained.{Cgroup, Error, Launcher}
  alias Contained.Process, as: Command

  @moduletag :port
  @moduletag :modes

  @nobody 65_534

  setup do
    %{launcher: start_supervised!({Launcher, []})}
  end

  @ids "echo uid=$(id -u) gid=$(id -g) groups=$(id -G)"

  describe "as root" do
    @describetag skip: root()

    test "D8: a user has the user's groups, and none of root's", ctx do
      expected = "uid=65534 gid=65534 groups=65534\n"
      for user <- ["nobody", @nobody], do: assert(output(ctx, @ids, uid: user) == expected)
      assert output(ctx, @ids, user: @nobody, group: @nobody, groups: []) == expected
    end

    test "real, effective and saved ids are the same", ctx do
      status = output(ctx, "grep -E '^[UG]id' /proc/self/status", user: "nobody")
      assert status == "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\n"
    end

    test "groups are those that are given", ctx do
      assert output(ctx, "id -G", user: "nobody", groups: ["daemon", 7]) == "65534 1 7\n"
      assert output(ctx, "id -u; id -G", group: "daemon") == "0\n1\n"
      assert output(ctx, "id -u; id -G", group: 1, groups: [2]) == "0\n1 2\n"
    end

    test "a number without an entry needs a group", ctx do
      assert output(ctx, @ids, user: 54_321, group: 54_321) ==
               "uid=54321 gid=54321 groups=54321\n"

      assert {:error, %Error{stage: :group, reason: :einval}} = run(ctx, ":", user: 54_321)
    end

    test "home and name are the user's, unless given", ctx do
      script = "echo $HOME $USER $LOGNAME"
      [_, _, _, _, _, home, _] = passwd("nobody")
      assert output(ctx, script, user: "nobody") == "#{home} nobody nobody\n"
      env = [{"HOME", "/mine"}, {"USER", "me"}]
      assert output(ctx, script, user: "nobody", env: env) == "/mine me nobody\n"
      # A shell makes no HOME of its own.
      assert output(ctx, "echo ${HOME-none}", user: 54_321, group: 1) == "none\n"
    end

    test "the directory is entered as the user", ctx do
      dir = tmp_dir()
      File.chmod!(dir, 0o700)

      assert {:error, %Error{stage: :chdir, reason: :eacces}} =
               run(ctx, ":", user: "nobody", cd: dir)
    end

    test "the program is executed as the user", ctx do
      program = script(tmp_dir(), "mine", "#!/bin/sh\n", 0o700)

      assert {:error, %Error{stage: :exec, reason: :eacces}} =
               Contained.run(program, [], launcher: ctx.launcher, user: "nobody")
    end

    test "all of it is stopped as ever", ctx do
      opts = [launcher: ctx.launcher, user: "nobody", delay_to_sigkill: 50, cd: "/"]
      marker = marker()
      script = ~S(trap "" TERM; setsid sh -c 'trap "" TERM; sleep 300' $0 & echo ready; sleep 300)
      {:ok, process} = Contained.start("sh", ["-c", script, marker], opts)
      {:stdout, "ready\n"} = Command.next(process, 10_000)
      assert :ok = Command.stop(process)
      eventually(fn -> marked(marker) == [] end, within(1_000))
    end

    test "a control group is given to the user who shall have it", ctx do
      if groups_v2() do
        assert {:error, _} = run(ctx, ":", user: "nobody", delegate_cgroup: true)
      else
        opts = [launcher: ctx.launcher, user: "nobody", delegate_cgroup: true, cd: "/"]
        {:ok, process} = Contained.start("sleep", ["60"], opts)
        {:ok, path} = Cgroup.path(process)
        assert File.stat!(path).uid == @nobody
        assert File.stat!(Path.join(path, "cgroup.procs")).uid == @nobody
        assert File.stat!(Path.join(path, "cgroup.kill")).uid == 0
        Command.stop(process, [])
      end
    end

    @tag skip: all([root(), groups()])
    test "torture 21: a user cannot leave the group", ctx do
      {:ok, process} = Contained.start("sleep", ["60"], launcher: ctx.launcher)
      {:ok, path} = Cgroup.path(process)

      if path != "" do
        script = "echo $$ > #{path}/../cgroup.procs || echo $$ > #{path}/cgroup.procs"
        assert {:ok, %{status: status}} = run(ctx, script, user: "nobody")
        assert status != 0
      end

      Command.stop(process, [])
    end
  end

  test "torture 53: a name that is none starts nothing", ctx do
    file = Path.join(tmp_dir(), "started")

    for {opts, stage} <- [
          {[user: "no-such-user"], :user},
          {[group: "no-such-group"], :group},
          {[groups: ["no-such-group"]], :groups}
        ] do
      assert {:error, error} = run(ctx, "touch #{file}", opts)
      assert %Error{stage: ^stage, reason: :enoent, subject: "no-such-" <> _} = error
      assert catch_error(Contained.cmd("true", [], opts)) == :enoent
    end

    refute File.exists?(file)
  end

  @tag skip: root?() && "needs a user other than root"
  test "torture 53: who is not root cannot be another", ctx do
    assert {:error, %Error{stage: :ids, reason: :eperm} = error} = run(ctx, ":", user: "root")
    assert Exception.message(error) =~ "as root"
  end

  defp passwd(name) do
    "/etc/passwd"
    |> File.stream!()
    |> Enum.map(&(&1 |> String.trim() |> String.split(":")))
    |> Enum.find(&(hd(&1) == name))
  end
end
