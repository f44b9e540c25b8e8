# What `contained run` adds to a command, and how large the program is. Here the first column is the bare command.
#
# The floor: a C program that makes a group, forks a guardian's worker, starts the command in the group, and removes it
# adds 1.1 to 1.9 ms here, of which each exec and each fork is a third of a millisecond or more. The C++ library as a shared
# one costs 0.7 to 1.2 ms beyond it, linked in it costs 0.6 MB.
defmodule Bench.CommandLine do
  import Bench

  @most_added 2_000
  @most_bytes 1_500_000

  def run do
    program = Application.app_dir(:contained, "priv/contained")

    if File.exists?(program),
      do: rows(program),
      else: IO.puts("contained: not built (CONTAINED_CLI)")
  end

  defp rows(program) do
    {bare, ours} =
      pairs(300, fn -> System.cmd("/bin/true", []) end, fn ->
        {"", 0} = System.cmd(program, ["run", "/bin/true"])
      end)

    added = ours - bare

    row(
      "contained run true, added",
      "#{bare} us",
      "#{ours} us",
      "#{added} us",
      "<= 2000 us",
      added <= @most_added
    )

    size = File.stat!(program).size
    row("contained, bytes stripped", "", "#{size}", "", "< 1500000", size < @most_bytes)
  end
end

Bench.CommandLine.run()
