defmodule Contained.Job.Log do
  @moduledoc false
  # What `Contained.Job.logs/3` reads.

  alias Contained.{Error, Job}
  alias Contained.Job.Program

  @spec read(binary, binary, keyword) :: {:ok, binary | Enumerable.t()} | {:error, Error.t()}
  def read(namespace, name, opts) do
    opts = Keyword.validate!(opts, lines: :all, follow: false)
    Enum.each(opts, &check!/1)

    case Job.info(namespace, name) do
      {:ok, %{log: nil}} -> {:error, error(:enoent, "the job has no log")}
      {:ok, %{log: log}} -> read(namespace, name, log, opts[:lines], opts[:follow])
      error -> error
    end
  end

  defp read(_namespace, _name, log, lines, false), do: text(log, lines)

  defp read(namespace, name, _log, lines, true) do
    with {:ok, program} <- Program.locate() do
      args = ["job", namespace, "logs", "-f"] ++ count(lines) ++ [name]
      {:ok, Contained.stream(program, args, lines: 1)}
    end
  end

  defp check!({:lines, :all}), do: :ok
  defp check!({:lines, count}) when is_integer(count) and count >= 0, do: :ok
  defp check!({:follow, follow}) when is_boolean(follow), do: :ok
  defp check!({:lines, other}), do: invalid!(:lines, "a number of lines or :all", other)
  defp check!({:follow, other}), do: invalid!(:follow, "true or false", other)

  defp invalid!(key, allowed, value) do
    raise ArgumentError,
          "invalid value for option #{inspect(key)}: expected #{allowed}, got: #{inspect(value)}"
  end

  defp count(:all), do: []
  defp count(lines), do: ["-n", "#{lines}"]

  defp text(log, lines) do
    case File.read(log) do
      {:ok, text} -> {:ok, last(text, lines)}
      {:error, reason} -> {:error, error(reason, log)}
    end
  end

  defp last(text, :all), do: text

  defp last(text, count) do
    lines = String.split(text, ~r/(?<=\n)/, trim: true)
    lines |> Enum.take(-count) |> IO.iodata_to_binary()
  end

  defp error(reason, subject), do: %Error{stage: :file, reason: reason, subject: subject}
end
