defmodule Contained.Jobs do
  @moduledoc false
  # A namespace for one test, whose files are in a directory of the test. Its jobs and the namespace itself go when
  # the test has ended. The directory is in the environment of the VM: such tests do not run beside others.

  import ExUnit.Callbacks
  alias Contained.{Case, Job}

  @variables ~w(CONTAINED_RUNTIME_DIR CONTAINED_LOG_DIR)

  def namespace do
    directory = Case.tmp_dir()
    File.chmod!(directory, 0o700)
    before = Map.new(@variables, &{&1, System.get_env(&1)})
    System.put_env(Map.new(@variables, &{&1, Path.join(directory, &1)}))
    namespace = "test-#{System.pid()}-#{System.unique_integer([:positive])}"

    on_exit(fn ->
      System.put_env(Map.new(@variables, &{&1, Path.join(directory, &1)}))
      clear(namespace)
      for {name, value} <- before, do: restore(name, value)
    end)

    namespace
  end

  defp restore(name, nil), do: System.delete_env(name)
  defp restore(name, value), do: System.put_env(name, value)

  defp clear(namespace) do
    for %{name: name, state: :running} <- Job.list(namespace),
        do: Job.stop(namespace, name, stop_signal: :kill)

    {:ok, program} = Job.Program.locate()
    {said, status} = System.cmd(program, ["job", namespace, "release"], stderr_to_stdout: true)
    # A group would be left behind.
    unless status == 0 or said =~ "is not there", do: ExUnit.Assertions.flunk(said)
  end

  @doc "Runs the command line."
  def cli(args) do
    {:ok, program} = Job.Program.locate()
    System.cmd(program, args, stderr_to_stdout: true)
  end
end
