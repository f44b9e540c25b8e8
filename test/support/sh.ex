defmodule Contained.Sh do
  @moduledoc false
  # Scripts of sh(1) by a test's own launcher, which its context has.

  import ExUnit.Assertions

  def run(ctx, script, opts) do
    Contained.run("sh", ["-c", script], [launcher: ctx.launcher, cd: "/"] ++ opts)
  end

  # What it writes; it has to succeed.
  def output(ctx, script, opts) do
    assert {:ok, %{status: 0, stdout: stdout}} = run(ctx, script, opts)
    stdout
  end
end
