defmodule SharedMemory.MixProject do
  use Mix.Project

  def project do
    [
      app: :shared_memory,
      version: "0.1.0",
      elixir: "~> 1.14",
      aliases: [demo: "run -e SharedMemory.demo()"],
      deps: [{:contained, path: "../.."}]
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {SharedMemory.Application, []}]
  end
end
