defmodule Contained.ReleaseTest do
  # In a release, which has the programs in its own priv, no Mix, and another VM after each restart.
  use Contained.Case, async: false

  import Contained.Jobs

  @moduletag :port
  @moduletag timeout: 300_000

  @programs for program <- ~w(contained_port contained),
                do: Path.join([Mix.Project.app_path(), "priv", program])
  unless Enum.all?(@programs, &File.regular?/1) do
    @moduletag skip: "needs the programs that mix compile makes, #{Enum.join(@programs, " and ")}"
  end

  # Of the tests' own VM, and where its tests find the programs.
  @unset for name <-
               ~w(BINDIR ROOTDIR PROGNAME EMU MIX_ENV ERL_FLAGS CONTAINED_PORT CONTAINED_PROGRAM),
             do: {name, nil}

  setup do
    directory = tmp_dir()
    args = ~w(release --quiet --no-compile --no-deps-check --path) ++ [directory]
    {said, status} = System.cmd("mix", args, env: [{"MIX_ENV", "test"}], stderr_to_stdout: true)
    assert {status, said} == {0, said}
    {:ok, program: Path.join(directory, "bin/contained"), namespace: namespace()}
  end

  defp eval(ctx, code) do
    start =
      "{:ok, _} = Application.ensure_all_started(:contained); ns = #{inspect(ctx.namespace)}"

    code = start <> "\n" <> code
    {said, status} = System.cmd(ctx.program, ["eval", code], env: @unset, stderr_to_stdout: true)
    assert {status, said} == {0, said}
    String.split(said)
  end

  # The first release's part and the second's, with the job's namespace as `ns`.
  @begin ~S"""
  {:ok, pid} = Contained.Job.run(ns, "db", ["sleep", "1000"])
  IO.puts(pid)
  """
  @next ~S"""
  {:ok, %{os_pid: pid}} = Contained.Job.info(ns, "db")
  {:ok, result} = Contained.Job.stop(ns, "db")
  {said, status} = Contained.cmd("echo", ["hello"])
  IO.puts("#{pid} #{result.reason} #{said} #{status}")
  """

  test "commands run, and a job outlives a restart of the whole release", ctx do
    assert [os_pid] = eval(ctx, @begin)
    assert os_alive?(String.to_integer(os_pid))
    assert [^os_pid, "stopped", "hello", "0"] = eval(ctx, @next)
    refute os_alive?(String.to_integer(os_pid))
  end
end
