defmodule Sidecar.MixProject do
  use Mix.Project

  def project do
    [
      app: :sidecar,
      version: "0.1.0",
      elixir: "~> 1.14",
      aliases: [demo: "run -e Sidecar.demo()"],
      deps: [{:contained, path: "../.."}]
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {Sidecar.Application, []}]
  end
end
