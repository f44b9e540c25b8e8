defmodule Contained.Daemon.Sinks.Part do
  @moduledoc false
  # One command that reads a daemon's output: the sink program or a command of the user. When it dies
  # it is started again, at once if it has lived for a while, else later and later; what it had not
  # read waits in its link.

  alias Contained.{Error, Protocol, Session}
  alias Contained.Daemon.Sinks.Plan

  @first_pause 50
  @longest_pause 5_000
  # A life that counts as success.
  @long_enough 5_000
  @ready_timeout 10_000
  @report Plan.report()
  @tee Plan.tee()
  @tail Plan.tail()

  @enforce_keys [:role, :command, :reads]
  defstruct [:role, :command, :reads, :process, :os_pid, :timer, :since, credit: :auto] ++
              [
                pause: @first_pause,
                text: "",
                untaken: 0,
                read: 0,
                dropped: 0,
                before: {0, 0},
                restarts: 0
              ]

  @type t :: %__MODULE__{}
  @type told :: {:output | :tail, binary} | {:report, map}

  @spec new(Plan.part()) :: t
  def new(part), do: struct!(__MODULE__, part)

  @doc "Starts it, and waits until its sinks are open."
  @spec open(t) :: {:ok, t} | {:error, Error.t()}
  def open(part) do
    with {:ok, process} <- Session.open(part.command) do
      await(%{part | process: process, os_pid: process.os_pid, since: now()})
    end
  end

  defp await(%{role: :command} = part), do: {:ok, part}

  # Its first line says whether they are. Lines come whole: they are shorter than PIPE_BUF.
  defp await(part) do
    case Session.next(part.process, @ready_timeout) do
      {@report, "ready\n" <> _rest} -> {:ok, part}
      {@report, "failed " <> line} -> failed(part, failure(String.trim_trailing(line, "\n")))
      :timeout -> failed(part, error(part, :timeout))
      _end -> failed(part, error(part, :eproto))
    end
  end

  defp failed(part, error) do
    kill(part)
    {:error, error}
  end

  # "file enoent /no/such"
  defp failure(line) do
    [_stage, errno, subject] = String.split(line, " ", parts: 3)
    Error.new(:file, Protocol.errno(errno), subject)
  end

  defp error(part, reason),
    do: %Error{reason: reason, stage: :launcher, subject: part.command.spec.program}

  ## While it runs

  @doc "What a message of the daemon's mailbox means, if it is about this one."
  @spec event(t, term) :: {t, [told]} | :none
  def event(%{process: nil}, _message), do: :none

  def event(part, message) do
    case Session.event(part.process, message) do
      :none -> :none
      event -> handle(part, event)
    end
  end

  defp handle(part, :ok), do: {part, []}
  defp handle(part, {:started, os_pid}), do: {%{part | os_pid: os_pid}, []}

  defp handle(part, {:failed, error}),
    do: {over(part), [{:report, %{event: :failed, error: error}}]}

  defp handle(part, {:ended, map}), do: {over(part), [{:report, died(part, map.status)}]}
  defp handle(part, :launcher_down), do: {over(part), []}
  defp handle(part, {:input_raised, _, _, _}), do: {part, []}

  defp handle(%{credit: :manual} = part, {@tee, data}),
    do: {%{part | untaken: part.untaken + byte_size(data)}, [{:output, data}]}

  defp handle(part, {stream, data}) do
    Session.taken(part.process, stream, byte_size(data))
    take(part, stream, data)
  end

  @doc "With `credit: :manual`: so much of the output has been consumed."
  @spec taken(t, pos_integer) :: t
  def taken(%{untaken: untaken} = part, bytes) when untaken > 0 do
    bytes = min(bytes, untaken)
    Session.taken(part.process, @tee, bytes)
    %{part | untaken: untaken - bytes}
  end

  def taken(part, _bytes), do: part

  defp died(part, status),
    do: %{event: :died, program: part.command.spec.program, role: part.role, status: status}

  defp take(part, @tee, data), do: {part, [{:output, data}]}
  defp take(part, @tail, data), do: {part, [{:tail, data}]}
  defp take(part, @report, data), do: lines(part, String.split(part.text <> data, "\n"), [])
  defp take(part, _descriptor_of_a_command, _data), do: {part, []}

  # Of the last line the end has not come yet.
  defp lines(part, [rest], told), do: {%{part | text: rest}, Enum.reverse(told)}

  defp lines(part, [line | lines], told) do
    {part, more} = line(part, String.split(line, " ", parts: 3))
    lines(part, lines, more ++ told)
  end

  defp line(part, ["counts", read, dropped]) do
    {%{part | read: String.to_integer(read), dropped: String.to_integer(dropped)}, []}
  end

  defp line(part, ["trouble", errno, subject]),
    do: {part, [{:report, %{event: :trouble, reason: Protocol.errno(errno), subject: subject}}]}

  defp line(part, ["over", dropped, subject]) do
    {part, [{:report, %{event: :over, dropped: String.to_integer(dropped), subject: subject}}]}
  end

  # One that was started again.
  defp line(part, ["failed", stage, rest]),
    do: {part, [{:report, %{event: :failed, error: failure("#{stage} #{rest}")}}]}

  defp line(part, ["ready"]), do: {part, []}

  defp over(%{before: {read, dropped}} = part) do
    %{
      part
      | process: nil,
        os_pid: nil,
        text: "",
        untaken: 0,
        read: 0,
        dropped: 0,
        before: {read + part.read, dropped + part.dropped}
    }
  end

  @doc "How long to wait before `restart/1`."
  @spec pause(t) :: {non_neg_integer, t}
  def pause(part) do
    if part.since != nil and now() - part.since >= @long_enough,
      do: {0, %{part | pause: @first_pause}},
      else: {part.pause, %{part | pause: min(part.pause * 2, @longest_pause)}}
  end

  @doc "Starts it again, without waiting: what becomes of it comes as messages."
  @spec restart(t) :: {:ok, t} | {:error, t}
  def restart(part) do
    case Session.launch(part.command) do
      {:ok, process} ->
        {:ok, %{part | process: process, since: now(), restarts: part.restarts + 1}}

      {:error, _no_launcher} ->
        {:error, %{part | since: nil}}
    end
  end

  @doc "Takes what is in the mailbox, by `fun`."
  @spec read_now(t, acc, (told, acc -> acc)) :: {t, acc} when acc: term
  def read_now(part, acc, fun), do: read(part, part.process && part.process.ref, now(), acc, fun)

  @doc """
  Reads what it still says, by `fun`, until it has ended; at `deadline` it is killed.
  """
  @spec drain(t, integer, acc, (told, acc -> acc)) :: {t, acc} when acc: term
  def drain(%{process: nil} = part, _deadline, acc, _fun), do: {part, acc}

  def drain(part, deadline, acc, fun) do
    part = taken(%{part | credit: :auto}, part.untaken)
    {part, acc} = read(part, part.process.ref, deadline, acc, fun)
    if part.process, do: Session.stop(part.process, [])
    # Its end is in the mailbox by now, behind the rest.
    read_now(part, acc, fun)
  end

  defp read(%{process: nil} = part, _ref, _deadline, acc, _fun), do: {part, acc}

  defp read(part, ref, deadline, acc, fun) do
    receive do
      {^ref, _} = message -> take_in(part, ref, deadline, acc, fun, message)
      {:DOWN, ^ref, _, _, _} = message -> take_in(part, ref, deadline, acc, fun, message)
    after
      max(deadline - now(), 0) -> {part, acc}
    end
  end

  defp take_in(part, ref, deadline, acc, fun, message) do
    {part, told} = event(part, message)
    read(part, ref, deadline, Enum.reduce(told, acc, fun), fun)
  end

  @doc "Ends it at once."
  @spec kill(t) :: t
  def kill(part), do: part |> drain(now(), nil, fn _told, nil -> nil end) |> elem(0)

  @spec reopen(t) :: :ok
  def reopen(%{role: :sink, process: process}) when process != nil do
    _gone = Session.signal(process, 1, :leader)
    :ok
  end

  def reopen(_part), do: :ok

  @spec counts(t) :: {non_neg_integer, non_neg_integer}
  def counts(%{before: {read, dropped}} = part), do: {read + part.read, dropped + part.dropped}

  defp now, do: System.monotonic_time(:millisecond)
end
