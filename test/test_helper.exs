Contained.Case.build_helpers!()

# Everything that starts a command needs a control group to start it in.
port =
  case Contained.run("true", []) do
    {:ok, %{status: 0}} ->
      []

    {:error, %Contained.Error{stage: :cgroup} = error} ->
      IO.puts("SKIPPED: tests tagged :port, they need a writable cgroup v2 hierarchy.")
      IO.puts("  " <> Exception.message(error) <> "\n  Run them as root or in a delegated group.")
      [:port]
  end

unless File.exists?("/proc/self/stat"), do: raise("the tests look at processes in /proc")

ExUnit.start(exclude: port)
