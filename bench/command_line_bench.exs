# What `contained run` adds to a command, and how large the program is. Here the first column is the bare command.
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
