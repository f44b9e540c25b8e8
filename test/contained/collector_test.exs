defmodule Contained.CollectorTest do
  use ExUnit.Case, async: true

  alias Contained.{Collector, Command, Error, Result}

  @moduletag :port

  # Notes, under the name it was given, how it was ended.
  defmodule Noting do
    defstruct [:owner, :name, fail?: false]

    defimpl Collectable do
      def into(%{owner: owner, name: name, fail?: fail?}) do
        {:begun,
         fn
           _acc, {:cont, _data} -> if fail?, do: throw(name), else: :fed
           acc, command -> send(owner, {name, command, acc})
         end}
      end
    end
  end

  @both "echo out; sleep 0.1; echo err >&2"

  defp run(line, opts \\ []) do
    into = [
      into: %Noting{owner: self(), name: :out},
      stderr: {:into, %Noting{owner: self(), name: :err, fail?: opts[:fail?]}}
    ]

    {:ok, command} = Command.new(:run, "/bin/sh", ["-c", line], into)
    Collector.run(command)
  end

  test "both streams are done at the end" do
    assert {:ok, %Result{status: 0}} = run(@both)
    assert_received {:out, :done, :fed}
    assert_received {:err, :done, :fed}
  end

  test "both are halted when one of them fails" do
    assert catch_throw(run(@both, fail?: true)) == :err
    assert_received {:out, :halt, :begun}
    assert_received {:err, :halt, :begun}
    refute_received {_name, :done, _acc}
  end

  test "they are halted when nothing was started" do
    {:ok, command} =
      Command.new(:run, "/no/such", [], into: %Noting{owner: self(), name: :out}, stderr: :discard)

    assert {:error, %Error{reason: :enoent}} = Collector.run(command)
    assert_received {:out, :halt, :begun}
  end

  test "kept short lines pin no frames" do
    {:ok, command} = Command.new(:run, "seq", ["100000"], into: [], lines: 80)
    assert {:ok, %Result{stdout: lines}} = Collector.run(command)
    assert length(lines) == 100_000
    assert Enum.all?(lines, &(:binary.referenced_byte_size(&1) < 100))
  end
end
