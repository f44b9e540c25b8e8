defmodule Contained.LandlockTest do
  # Rights by path: no way leads out of what is named.
  use Contained.Case, async: false

  import Contained.Needs

  alias Contained.{Error, Launcher}

  @moduletag :port
  @moduletag :modes
  @moduletag timeout: 120_000
  # Control groups have no part in it.
  @moduletag skip:
               if(System.get_env("CONTAINED_VM") in ~w(v1 none),
                 do: "needs nothing that the other legs have not",
                 else: landlock()
               )

  # A shell, its libraries, and the modules of its interpreter.
  @system Enum.filter(~w(/usr /bin /lib /lib64 /etc), &File.exists?/1)

  setup do
    dir = tmp_dir()
    for name <- ["in", "read"], do: File.mkdir_p!(Path.join(dir, name))
    File.write!(Path.join(dir, "secret"), "secret\n")
    File.write!(Path.join(dir, "read/file"), "hello\n")
    %{launcher: start_supervised!({Launcher, []}), dir: dir}
  end

  defp sh(ctx, script, opts \\ []) do
    landlock = [
      read: @system ++ [Path.join(ctx.dir, "read")],
      write: [Path.join(ctx.dir, "in"), "/dev/null"]
    ]

    script = "cd #{ctx.dir}; exec 2>/dev/null; #{script}"
    opts = [launcher: ctx.launcher, cd: "/", landlock: landlock] ++ opts
    assert {:ok, result} = Contained.run("sh", ["-c", script], opts)
    result
  end

  @refused [
    "what is not named": "cat secret",
    "listing it": "ls .",
    "a link to it": "ln -s ../secret in/link; cat in/link",
    "by ..": "cat in/../secret",
    "by /proc": "cat /proc/self/root$PWD/secret",
    "a hard link": "ln secret in/hard",
    "moving it in": "mv secret in/moved",
    "moving out": "echo x > in/x && mv in/x x",
    "writing what may be read": "echo x > read/file",
    "making beside it": "echo x > read/new",
    "removing it": "rm -f read/file"
  ]

  test "no way leads out", ctx do
    for {name, script} <- @refused do
      assert {name, %{stdout: "", status: status}} = {name, sh(ctx, script)}
      assert status != 0, "#{name}"
    end

    assert File.read!(Path.join(ctx.dir, "secret")) == "secret\n"
    assert File.ls!(ctx.dir) |> Enum.sort() == ["in", "read", "secret"]
  end

  test "what is named can be used", ctx do
    script =
      "cat read/file; mkdir in/d && echo x > in/d/f && mv in/d/f in/g && rmdir in/d && cat in/g"

    assert %{stdout: "hello\nx\n", status: 0} = sh(ctx, script)
  end

  test "also with a filter of system calls, and without control groups", ctx do
    assert %{stdout: "hello\n"} = sh(ctx, "cat secret read/file", seccomp: :default)
    stub = start_supervised!({Launcher, containment: :best_effort}, id: :stub)
    assert %{stdout: "hello\n"} = sh(%{ctx | launcher: stub}, "cat secret read/file")
  end

  test "a path that is not there is named, and so is what cannot be executed", ctx do
    opts = [launcher: ctx.launcher, landlock: [read: ["/usr", "/no/such"]]]

    assert {:error, %Error{stage: :landlock, reason: :enoent, subject: "/no/such"} = error} =
             Contained.run("true", [], opts)

    assert Exception.message(error) =~ "Each path must exist for the user of the command"
    opts = [launcher: ctx.launcher, landlock: [read: "/etc"]]
    assert {:error, %Error{stage: :exec, reason: :eacces}} = Contained.run("true", [], opts)
  end
end
