defmodule Contained.Session.EventsTest do
  # The session of a process that receives all its messages itself.
  use ExUnit.Case, async: true

  import Contained.FakeLauncher

  alias Contained.{Error, Session}

  defp launch(spec \\ %{}, fields \\ []) do
    {:ok, process} = Session.launch(command(new(), spec, fields))
    assert_receive {:contained, :start, ref, owner, _}, 2_000
    assert owner == self()
    assert next(process) == {:started, 42}
    {process, ref}
  end

  defp next(process) do
    receive do
      message -> Session.event(process, message)
    after
      2_000 -> flunk("no message")
    end
  end

  test "output comes by its stream, and is counted when it was taken" do
    {process, ref} = launch(%{window: 200, fds: [{5, :output}]})
    tell(ref, {:output, 1, String.duplicate("x", 60)})
    assert {:stdout, data} = next(process)
    refute_receive {:contained, :credit, _, _, _}, 20
    Session.taken(process, :stdout, byte_size(data))
    assert_receive {:contained, :credit, ^ref, :stdout, 60}, 2_000
    tell(ref, {:output, 2, "e"})
    tell(ref, {:output, 5, "f"})
    assert next(process) == {:stderr, "e"}
    assert next(process) == {{:fd, 5}, "f"}
    Session.taken(process, {:fd, 5}, 50)
    assert_receive {:contained, :credit, ^ref, 5, 50}, 2_000
  end

  test "a failure is one of the messages" do
    {process, ref} = launch()
    tell(ref, {:failed, :chdir, :enotdir, "/x"})
    assert next(process) == {:failed, %Error{stage: :chdir, reason: :enotdir, subject: "/x"}}
  end

  test "the end is the last message" do
    {process, ref} = launch()
    tell(ref, {:ended, ended()})
    assert next(process) == {:ended, ended()}
    tell(ref, {:output, 1, "late"})
    refute_receive _, 20
    assert Session.next(process, 0) == :closed
  end

  test "the launcher's end is told by its launcher or by its monitor" do
    {process, ref} = launch()
    tell(ref, :launcher_down)
    assert next(process) == :launcher_down

    {process, _ref} = launch()
    Process.unlink(process.launcher)
    Process.exit(process.launcher, :kill)
    assert next(process) == :launcher_down
  end

  test "other messages are none, also those of another session" do
    {process, _} = launch()
    {other, ref} = launch()
    assert Session.event(process, {ref, {:output, 1, "x"}}) == :none
    assert Session.event(other, {ref, {:output, 1, "x"}}) == {:stdout, "x"}
    assert Session.event(process, :anything) == :none
  end

  test "the input begins with the start, and tells when it raises" do
    input = {:enum, Stream.map([1], fn _ -> raise "no more" end)}
    {process, ref} = launch(%{stdin: :pipe}, input: input)
    assert {:input_raised, :error, %RuntimeError{message: "no more"}, _} = next(process)
    assert next(process) == :ok
    tell(ref, {:ended, ended()})
    assert {:ended, _} = next(process)
  end

  test "a stop is asked for without waiting" do
    {process, ref} = launch()
    assert Session.begin_stop(process, [{2, 10}]) == :ok
    assert_receive {:contained, :stop, ^ref, [{2, 10}], nil}, 2_000
  end

  test "a launcher that is not there is an error at once" do
    assert {:error, %Error{stage: :launcher, reason: :noproc}} = Session.launch(command(:nobody))
  end
end
