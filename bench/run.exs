# The table of speed: `scripts/bench`. Ratios against System.cmd, measured in turn in one run.
Bench.head()

<<<<<<< HEAD
for name <- ~w(spawn throughput idle containment seal daemon sink command_line) do
=======
for name <- ~w(spawn throughput idle containment exit seal daemon sink) do
>>>>>>> main
  Code.require_file("#{name}_bench.exs", __DIR__)
end
