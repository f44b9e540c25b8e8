defmodule Contained.Stream do
  @moduledoc false
  # The enumerable of `Contained.stream/3`. Nothing runs before it is enumerated; each enumeration
  # runs the command once, in the process that enumerates.

  alias Contained.{Command, Error, Lines, Result, Session, Telemetry}

  @enforce_keys [:command]
  defstruct [:command]

  @type t :: %__MODULE__{command: Command.t()}

  @spec new(Command.t()) :: t
  def new(%Command{} = command), do: %__MODULE__{command: command}

  @doc "The same as a function of `Enumerable`."
  @spec resource(t) :: Enumerable.t()
  def resource(%__MODULE__{command: command}) do
    Stream.resource(fn -> open(command) end, &next/1, &close/1)
  end

  defp open(command) do
    span = Telemetry.command(command)

    case Session.open(command) do
      {:ok, process} ->
        %{process: process, command: command, result: nil, span: span}
        |> Map.merge(%{lines: lines(command), wrap: wrap(command.spec)})

      {:error, error} ->
        Telemetry.ended(span, {:error, error})
        raise error
    end
  end

  defp lines(%{lines: true}), do: %{stdout: Lines.new(), stderr: Lines.new()}
  defp lines(_command), do: nil

  # Elements carry the stream's name when there are two.
  defp wrap(%{stdout: :pipe, stderr: :pipe}), do: fn stream, data -> {stream, data} end
  defp wrap(_spec), do: fn _stream, data -> data end

  defp next(%{result: nil, process: process} = state) do
    case Session.next(process, :infinity) do
      {:ended, map} -> finish(state, Result.new(process.os_pid, map))
      :launcher_down -> finish(state, Result.new(process.os_pid, :launcher_down))
      {:orphan_exit, _os_pid, _exit} -> {[], state}
      {stream, data} -> elements(state, stream, data)
    end
  end

  defp next(%{result: :told} = state), do: {:halt, state}
  defp next(state), do: {verdict(state, state.result), %{state | result: :told}}

  defp elements(%{lines: nil} = state, stream, data), do: {[state.wrap.(stream, data)], state}

  defp elements(%{lines: lines} = state, stream, data) do
    {complete, rest} = lines |> Map.fetch!(stream) |> Lines.split(data)
    {wrap(state, stream, complete), %{state | lines: %{lines | stream => rest}}}
  end

  # What is left of the lines comes first, the verdict with the next turn.
  defp finish(state, result) do
    Telemetry.ended(state.span, {:ok, result})
    {last_lines(state), %{state | result: result, span: nil}}
  end

  defp last_lines(%{lines: nil}), do: []

  defp last_lines(%{lines: lines} = state) do
    Enum.flat_map([:stdout, :stderr], &wrap(state, &1, Lines.finish(lines[&1])))
  end

  defp wrap(state, stream, data), do: Enum.map(data, &state.wrap.(stream, &1))

  defp verdict(%{command: %{yield_exit: true}}, result), do: [{:exit, status(result)}]
  defp verdict(_state, %{reason: :exit, status: 0}), do: []
  defp verdict(state, result), do: raise(error(state, result))

  defp error(state, result) do
    subject = state.command.spec.program
    %Error{reason: reason(result), stage: :exit, subject: subject, result: result}
  end

  defp reason(%{reason: :exit}), do: :exit_status
  defp reason(%{reason: reason}), do: reason

  @cut_short [:timeout, :output_limit, :launcher_down]

  defp status(%{reason: reason}) when reason in @cut_short, do: reason
  defp status(%{status: status}), do: status

  defp close(%{process: process, span: span}) do
    Session.halt(process)
    Telemetry.ended(span, :stopped)
  end

  defimpl Enumerable do
    def reduce(stream, acc, fun) do
      Enumerable.reduce(Contained.Stream.resource(stream), acc, fun)
    end

    def count(_stream), do: {:error, __MODULE__}
    def member?(_stream, _element), do: {:error, __MODULE__}
    def slice(_stream), do: {:error, __MODULE__}
  end
end
