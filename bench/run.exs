# The table of speed: `scripts/bench`. Ratios against System.cmd, measured in turn in one run.
Bench.head()

for name <- ~w(spawn throughput idle containment exit seal daemon sink command_line) do
  Code.require_file("#{name}_bench.exs", __DIR__)
end
