defmodule Contained.FakeTelemetry do
  @moduledoc false
  # Stands in for the library :telemetry, which is no dependency: what is executed is sent to the
  # process that has installed it. One at a time, so a test that uses it is not `async`.

  @key {__MODULE__, :test}

  @doc "Makes a module :telemetry until the test ends."
  def install do
    :persistent_term.put(@key, self())
    {:module, :telemetry, _, _} = Module.create(:telemetry, body(), __ENV__)

    ExUnit.Callbacks.on_exit(fn ->
      :code.purge(:telemetry)
      :code.delete(:telemetry)
      :persistent_term.erase(@key)
    end)
  end

  defp body do
    quote do
      def execute(event, measurements, metadata) do
        test = :persistent_term.get(unquote(Macro.escape(@key)), nil)
        if test, do: send(test, {:telemetry, event, measurements, metadata})
        :ok
      end
    end
  end
end
