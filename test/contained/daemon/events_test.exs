defmodule Contained.Daemon.EventsTest do
  use Contained.Case, async: true

  alias Contained.Daemon.Events

  defp idle, do: spawn_link(fn -> Process.sleep(:infinity) end)

  test "subscribers are told, once each" do
    events = Events.new() |> Events.subscribe(self()) |> Events.subscribe(self())
    me = self()
    assert Events.publish(events, {:started, 17}) == :ok
    assert_received {Contained.Daemon, ^me, {:started, 17}}
    refute_received _
  end

  test "who unsubscribes is not" do
    before = Process.info(self(), :monitors)
    pid = idle()
    events = Events.new() |> Events.subscribe(self()) |> Events.subscribe(pid)
    events = events |> Events.unsubscribe(self()) |> Events.unsubscribe(pid)
    Events.publish(events, :ready)
    refute_received _
    refute Events.output?(events)
    assert Process.info(self(), :monitors) == before
  end

  test "who has ended is forgotten" do
    pid = spawn(fn -> :ok end)
    events = Events.subscribe(Events.new(), pid)
    assert Events.output?(events)
    assert_receive {{Events, :down}, _, :process, ^pid, _} = message, 5_000
    assert {:ok, events} = Events.event(events, message)
    refute Events.output?(events)
    assert Events.event(events, :other) == :none
  end

  test "output goes to subscribers, and to a process or a function" do
    me = self()

    for on_output <- [self(), &send(me, {:told, &1, &2}), {__MODULE__, :tell, [me]}] do
      events = Events.new(on_output: on_output) |> Events.subscribe(idle())
      assert Events.output?(events)
      Events.output(events, :stderr, "x")
      assert_received message
      assert message in [{:told, :stderr, "x"}, {Contained.Daemon, me, {:output, :stderr, "x"}}]
    end

    Events.new() |> Events.subscribe(me) |> Events.output(:stdout, "y")
    assert_received {Contained.Daemon, ^me, {:output, :stdout, "y"}}
  end

  def tell(stream, data, pid), do: send(pid, {:told, stream, data})

  test "a process that was named by on_output is not told of the rest" do
    [on_output: self()] |> Events.new() |> Events.publish(:ready)
    refute_received _
  end

  test "a collectable takes it all, and is closed" do
    events = Events.new(into: [])
    assert Events.output?(events)
    events = events |> Events.output(:stdout, "a") |> Events.output(:stderr, "b")
    assert Events.close(events, :done) == ["a", "b"]
    assert Events.close(events, :halt) == :ok
    assert Events.close(Events.new(), :done) == nil
  end

  test "nobody, nothing" do
    refute Events.output?(Events.new())
    assert Events.output(Events.new(), :stdout, "x") == Events.new()
  end

  test "who does not read is busy" do
    for events <- [Events.subscribe(Events.new(), idle()), Events.new(on_output: idle())] do
      refute Events.busy?(events)
      Enum.each(1..1_001, fn _ -> Events.output(events, :stdout, "x") end)
      eventually(fn -> Events.busy?(events) end)
    end

    refute Events.busy?(Events.new(on_output: fn _, _ -> :ok end))
  end

  test "what the option may be" do
    for ok <- [self(), fn _, _ -> :ok end, {IO, :puts, []}], do: assert(Events.on_output?(ok))
    for no <- [:name, fn _ -> :ok end, {IO, :puts}, nil], do: refute(Events.on_output?(no))
  end
end
