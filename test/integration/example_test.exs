defmodule Contained.ExampleTest do
  # The example applications, as a user starts them. They use what this VM was built from, so
  # nothing but the example is compiled.
  use Contained.Case, async: false

  alias Contained.{Needs, Proc}

  @moduletag :port

  defp mix(example, args, marker) do
    build = tmp_dir()
    File.mkdir!(Path.join(build, "lib"))
    File.ln_s!(Application.app_dir(:contained), Path.join(build, "lib/contained"))
    env = [{"MIX_ENV", "prod"}, {"MIX_BUILD_PATH", build}, {"TMPDIR", marker}]
    System.cmd("mix", args, cd: Path.join("examples", example), env: env, stderr_to_stdout: true)
  end

  @tag skip: Needs.program("redis-server")
  @tag timeout: 120_000
  test "sidecar: the sidecar waits for Redis and follows it, and nothing is left" do
    dir = tmp_dir()
    assert {text, 0} = mix("sidecar", ["demo", "--no-deps-check"], dir)

    assert [first, second] =
             Regex.scan(~r/^ *(\d+)  Sidecar.Redis /m, text, capture: :all_but_first)

    assert first != second
    assert text =~ ~r/^ *\d+  Sidecar.Heart /m
    assert text =~ "Left are: 0"

    assert File.ls!(dir) == []
    for [pid] <- [first, second], do: refute(os_alive?(pid))
    assert Proc.marked("beats") == []
  end

  @tag timeout: 120_000
  test "shared_memory: two commands share a budget, and one of them meets its end" do
    {:ok, %{limits: limits}} = Contained.Cgroup.info()

    if [:memory, :swap] -- limits == [] do
      assert {text, 0} = mix("shared_memory", ["demo", "--no-deps-check"], tmp_dir())
      assert text =~ ~r/The index is full, too: \d+ MiB of 48/
      assert text =~ ~r/event :oom, [1-9]/
      assert text =~ "the cache, less ready to be killed, is running"
      assert text =~ "With a budget of 256 MiB"
      assert text =~ "Left are: 0"
    else
      IO.puts("SKIPPED: the example shared_memory needs limits of :memory and :swap")
    end
  end
end
