# What a filter of system calls costs at the start. Here the first column is the command without it.
defmodule Bench.Seal do
  import Bench

  def run do
    true_with = fn opts -> fn -> {"", 0} = Contained.cmd("true", [], opts) end end
    # Compiled once, and kept.
    true_with.(seccomp: :default).()
    {plain, filtered} = pairs(500, true_with.([]), true_with.(seccomp: :default))
    ratio = filtered / plain

    row(
      "true with seccomp, to one without",
      "#{plain} us",
      "#{filtered} us",
      fixed(ratio),
      "<= 1.25",
      ratio <= 1.25
    )
  end
end

Bench.Seal.run()
