defmodule Contained.Session do
  @moduledoc false
  # The client's side of one command: the calling process starts it, takes its output, grants
  # credit and waits for its end. What launcher and client say to each other is plain messages,
  # tagged with an alias that is also the monitor of the launcher.
  #
  # Each reference is made in this module and handed on as an argument to the private functions
  # that receive: that way the compiler lets them skip what was in the mailbox before.

  alias Contained.{Command, Error, Input, Launcher, Process}
  alias Contained.Session.Requests

  @type stream :: :stdout | :stderr | {:fd, 3..63}
  @type orphan :: {:orphan_exit, os_pid :: pos_integer, tuple}
  @type outcome ::
          {:ended, os_pid :: pos_integer, map}
          | {:failed, Error.t()}
          | {:launcher_down, os_pid :: pos_integer | nil}

  @default_window 1024 * 1024
  @default_ladder [{15, 500}]
  # The worker gives processes 5 s to die of SIGKILL before it reports them as unkilled.
  @sigkill 7_000

  ## In one go

  @doc """
  Runs `command` in the calling process and folds its output by `fun`.

  When `fun` or the enumerable of the input raises, throws or exits, the command and all its
  descendants are dead before that goes on to the caller.
  """
  @spec collect(Command.t(), acc, (acc, stream, binary -> acc)) :: {acc, outcome} when acc: term
  def collect(%Command{} = command, acc, fun) do
    case Launcher.find(command.launcher) do
      {:ok, launcher} -> collect(command, launcher, acc, fun)
      {:error, reason} -> {acc, {:failed, no_launcher(command, reason)}}
    end
  end

  defp collect(command, launcher, acc, fun) do
    ref = :erlang.monitor(:process, launcher, alias: :demonitor)
    guard(ref, begin(hold_started(command), launcher, ref), acc, fun)
  end

  # Nobody waits for `started` here: it may come with the next event, which saves a wake-up.
  defp hold_started(%{input: nil, spec: spec} = command) do
    %{command | spec: Map.put(spec, :hold_started, true)}
  end

  defp hold_started(command), do: command

  # What does not change while the command runs, but for the OS pid.
  defp begin(command, launcher, ref) do
    send(launcher, {:contained, :start, ref, self(), command.spec})
    for {fd, data} <- command.fd_inputs, do: Input.send_all(data, fd, launcher, ref)

    %{
      launcher: launcher,
      command: command,
      writer: Input.start(command.input, launcher, ref),
      grant: grant_size(command.spec),
      deadline: deadline(command.deadline),
      os_pid: nil
    }
  end

  # Early enough that the port program need not wait for it.
  defp grant_size(spec), do: max(div(Map.get(spec, :window, @default_window), 4), 1)

  defp guard(ref, session, acc, fun) do
    loop(ref, session, acc, fun, {0, 0, %{}})
  catch
    kind, reason ->
      abort(ref, session.launcher, session.writer, patience(session.command.spec))
      :erlang.raise(kind, reason, __STACKTRACE__)
  end

  # `taken` is what was consumed of stdout, stderr and further descriptors since credit was granted last.
  defp loop(ref, session, acc, fun, taken) do
    receive do
      {^ref, {:output, number, data}} ->
        acc = fun.(acc, name(number), data)
        loop(ref, session, acc, fun, consumed(ref, session, taken, number, byte_size(data)))

      {^ref, {:started, os_pid}} ->
        Input.go(session.writer)
        loop(ref, %{session | os_pid: os_pid}, acc, fun, taken)

      {^ref, {:orphan_exit, os_pid, exit}} ->
        loop(ref, session, fun.(acc, :orphans, {os_pid, exit}), fun, taken)

      {^ref, message} ->
        finish(ref, session, acc, message)

      {:DOWN, ^ref, _, _, reason} ->
        finish(ref, session, acc, {:launcher_down, reason})

      {{:input_down, ^ref}, _, :process, _, reason} ->
        Input.check_end!(reason)
        loop(ref, session, acc, fun, taken)
    after
      remaining(session.deadline) -> finish(ref, session, acc, :overdue)
    end
  end

  defp consumed(ref, session, {out, err, more}, 1, size),
    do: {grant(ref, session, 1, out + size), err, more}

  defp consumed(ref, session, {out, err, more}, 2, size),
    do: {out, grant(ref, session, 2, err + size), more}

  defp consumed(ref, session, {out, err, more}, fd, size),
    do: {out, err, Map.put(more, fd, grant(ref, session, fd, Map.get(more, fd, 0) + size))}

  defp grant(ref, %{grant: size, launcher: launcher}, number, taken) when taken >= size do
    send(launcher, {:contained, :credit, ref, wire(number), taken})
    0
  end

  defp grant(_ref, _session, _number, taken), do: taken

  defp finish(_ref, _session, _acc, {:input_raised, kind, reason, stack}) do
    :erlang.raise(kind, reason, stack)
  end

  # `ended`, `failed` and `DOWN` are the last of their kind: nothing is left to flush.
  defp finish(ref, session, acc, message) do
    Input.stop(session.writer)
    if message in [:overdue, :launcher_down], do: give_up(ref, session.launcher), else: leave(ref)
    {acc, outcome(session, message)}
  end

  defp outcome(%{os_pid: os_pid}, {:ended, map}), do: {:ended, os_pid, map}

  defp outcome(_session, {:failed, stage, errno, subject}) do
    {:failed, Error.new(stage, errno, subject)}
  end

  defp outcome(%{os_pid: nil, command: command}, {:launcher_down, :noproc}) do
    {:failed, no_launcher(command, :noproc)}
  end

  defp outcome(%{os_pid: os_pid}, _down_or_overdue), do: {:launcher_down, os_pid}

  defp no_launcher(command, reason) do
    %Error{reason: reason, stage: :launcher, subject: inspect(command.launcher)}
  end

  ## Step by step

  @doc "Starts `command`; returns when it has been executed or could not be."
  @spec open(Command.t()) :: {:ok, Process.t()} | {:error, Error.t()}
  def open(%Command{} = command) do
    case Launcher.find(command.launcher) do
      {:ok, launcher} -> open(command, launcher)
      {:error, reason} -> {:error, no_launcher(command, reason)}
    end
  end

  defp open(command, launcher) do
    ref = :erlang.monitor(:process, launcher, alias: :demonitor)
    await_start(ref, begin(command, launcher, ref))
  end

  defp await_start(ref, session) do
    receive do
      {^ref, {:started, os_pid}} ->
        Input.go(session.writer)
        {:ok, handle(ref, %{session | os_pid: os_pid})}

      {^ref, message} ->
        not_started(ref, session, message)

      {:DOWN, ^ref, _, _, reason} ->
        not_started(ref, session, {:launcher_down, reason})
    after
      remaining(session.deadline) -> not_started(ref, session, :overdue)
    end
  end

  defp not_started(ref, session, message) do
    case finish(ref, session, nil, message) do
      {nil, {:failed, error}} -> {:error, error}
      {nil, _down} -> {:error, no_launcher(session.command, :launcher_down)}
    end
  end

  defp handle(ref, session) do
    %Process{
      ref: ref,
      launcher: session.launcher,
      owner: self(),
      os_pid: session.os_pid,
      program: session.command.spec.program,
      captured: captured(session.command.spec),
      writer: session.writer,
      grant: session.grant,
      taken: :atomics.new(counters(session.command.spec), signed: false),
      patience: patience(session.command.spec),
      deadline: session.deadline
    }
  end

  # What was taken of each stream is counted beside whether all is over.
  defp counters(spec) do
    fds = for {fd, :output} <- Map.get(spec, :fds, []), do: counter(fd)
    Enum.max([counter(2) | fds])
  end

  @over 1
  defp counter(number), do: number + 1

  defp captured(spec) do
    standard =
      for stream <- [:stdout, :stderr],
          Map.get(spec, stream, default(stream)) == :pipe,
          do: stream

    standard ++ for {fd, :output} <- Map.get(spec, :fds, []), do: {:fd, fd}
  end

  defp default(:stdout), do: :pipe
  defp default(:stderr), do: :inherit

  @doc """
  The next thing that happens, for the owner. After the end: `:closed`.

  What is returned counts as consumed.
  """
  @spec next(Process.t(), timeout) ::
          {stream, binary} | orphan | {:ended, map} | :launcher_down | :timeout | :closed
  def next(%Process{owner: owner} = process, timeout) when owner == self() do
    if over?(process), do: :closed, else: next(process, process.ref, deadline(timeout))
  end

  def next(%Process{}, _timeout) do
    raise ArgumentError, "only the process that started a command can read from it"
  end

  defp next(process, ref, deadline) do
    receive do
      {^ref, {:output, number, data}} -> take(process, number, data)
      {^ref, {:orphan_exit, _, _} = orphan} -> orphan
      {^ref, {:ended, map}} -> over(process, {:ended, map})
      {^ref, :launcher_down} -> over(process, :launcher_down)
      {^ref, {:input_raised, kind, reason, stack}} -> give_back(process, kind, reason, stack)
      {:DOWN, ^ref, _, _, _} -> over(process, :launcher_down)
      {{:input_down, ^ref}, _, _, _, reason} -> input_down(process, reason, deadline)
    after
      remaining(min(deadline, process.deadline)) -> out_of_time(process, deadline)
    end
  end

  defp take(process, number, data) do
    count(process, number, byte_size(data))
    {name(number), data}
  end

  defp count(process, number, bytes) do
    taken = :atomics.add_get(process.taken, counter(number), bytes)

    if taken >= process.grant do
      :atomics.put(process.taken, counter(number), 0)
      send(process.launcher, {:contained, :credit, process.ref, wire(number), taken})
    end

    :ok
  end

  defp name(1), do: :stdout
  defp name(2), do: :stderr
  defp name(fd), do: {:fd, fd}

  defp number(:stdout), do: 1
  defp number(:stderr), do: 2
  defp number({:fd, fd}), do: fd

  defp wire(1), do: :stdout
  defp wire(2), do: :stderr
  defp wire(fd), do: fd

  defp over?(process), do: :atomics.get(process.taken, @over) == 1

  defp over(process, result) do
    :atomics.put(process.taken, @over, 1)
    Input.stop(process.writer)
    leave(process.ref)
    result
  end

  defp input_down(process, :normal, deadline), do: next(process, process.ref, deadline)
  defp input_down(process, reason, _), do: give_back(process, :exit, {:input_writer, reason}, [])

  defp give_back(process, kind, reason, stack) do
    halt(process)
    :erlang.raise(kind, reason, stack)
  end

  # The caller's own time is over, or the command's, which the port program should have ended.
  defp out_of_time(process, deadline) do
    if remaining(deadline) == 0 do
      :timeout
    else
      give_up(process.ref, process.launcher)
      over(process, :launcher_down)
    end
  end

  @doc "Stops the command by its own ladder, for the owner. All is dead and flushed afterwards."
  @spec halt(Process.t()) :: :ok
  def halt(process) do
    unless over?(process) do
      :atomics.put(process.taken, @over, 1)
      abort(process.ref, process.launcher, process.writer, process.patience)
    end

    :ok
  end

  ## For a process that receives all its messages itself

  @doc """
  Asks for `command` to be started and does not wait. What becomes of it comes as messages, see
  `event/2`: first `{:started, os_pid}` or `{:failed, error}`. The handle has no OS pid.
  """
  @spec launch(Command.t()) :: {:ok, Process.t()} | {:error, Error.t()}
  def launch(%Command{} = command) do
    case Launcher.find(command.launcher) do
      {:ok, launcher} ->
        ref = :erlang.monitor(:process, launcher, alias: :demonitor)
        {:ok, handle(ref, begin(command, launcher, ref))}

      {:error, reason} ->
        {:error, no_launcher(command, reason)}
    end
  end

  @doc """
  What a message of the owner's mailbox says about the command; `:none` for one about something
  else, `:ok` for one that says nothing.

  Output does not count as consumed, see `taken/3`. After `{:failed, _}`, `{:ended, _}` and
  `:launcher_down` nothing more comes. After `{:input_raised, _, _, _}` the command runs on.
  """
  @spec event(Process.t(), term) ::
          {:started, pos_integer}
          | {stream, binary}
          | orphan
          | {:input_raised, :error | :exit | :throw, term, Exception.stacktrace()}
          | {:failed, Error.t()}
          | {:ended, map}
          | :launcher_down
          | :ok
          | :none
  def event(%Process{ref: ref} = process, {ref, message}), do: tell(process, message)

  def event(%Process{ref: ref} = process, {:DOWN, ref, _, _, _}),
    do: tell(process, :launcher_down)

  def event(%Process{ref: ref}, {{:input_down, ref}, _, _, _, :normal}), do: :ok

  def event(%Process{ref: ref}, {{:input_down, ref}, _, _, _, reason}),
    do: {:input_raised, :exit, {:input_writer, reason}, []}

  def event(%Process{}, _other), do: :none

  defp tell(_process, {:output, number, data}), do: {name(number), data}
  defp tell(_process, {:orphan_exit, _, _} = orphan), do: orphan
  defp tell(_process, {:input_raised, _, _, _} = raised), do: raised
  defp tell(process, {:ended, map}), do: over(process, {:ended, map})
  defp tell(process, :launcher_down), do: over(process, :launcher_down)

  defp tell(process, {:failed, stage, errno, subject}),
    do: over(process, {:failed, Error.new(stage, errno, subject)})

  defp tell(process, {:started, os_pid}) do
    Input.go(process.writer)
    {:started, os_pid}
  end

  @doc "The owner has consumed so much of what `event/2` gave it: the command may write as much again."
  @spec taken(Process.t(), stream, pos_integer) :: :ok
  def taken(%Process{} = process, stream, bytes), do: count(process, number(stream), bytes)

  @doc "Has the command stopped by `ladder` and does not wait: its end comes as a message."
  @spec begin_stop(Process.t(), :default | Contained.Protocol.ladder()) :: :ok
  def begin_stop(%Process{launcher: launcher, ref: ref}, ladder) do
    send(launcher, {:contained, :stop, ref, ladder, nil})
    :ok
  end

  ## For any process

  @doc "Writes to stdin, or another descriptor, as fast as the command reads."
  @spec write(Process.t() | {pid, reference}, Contained.Protocol.fd(), iodata) ::
          :ok | {:error, atom}
  def write(%Process{launcher: launcher, ref: ref}, fd, data),
    do: write({launcher, ref}, fd, data)

  def write(target, fd, data) do
    data |> Input.chunks() |> Enum.reduce_while(:ok, fn chunk, :ok -> put(target, fd, chunk) end)
  end

  defp put({launcher, ref}, fd, chunk) do
    case Requests.ask(launcher, :infinity, &{:contained, :write, ref, fd, chunk, &1}) do
      :ok -> {:cont, :ok}
      error -> {:halt, error}
    end
  end

  @spec close_input(Process.t() | {pid, reference}, Contained.Protocol.fd()) :: :ok
  def close_input(%Process{launcher: launcher, ref: ref}, fd),
    do: close_input({launcher, ref}, fd)

  def close_input({launcher, ref}, fd) do
    send(launcher, {:contained, :close_input, ref, fd})
    :ok
  end

  @spec signal(Process.t(), 1..64, :all | :leader) :: :ok | {:error, atom}
  def signal(%Process{ref: ref} = process, number, target) do
    case Requests.ask(
           process.launcher,
           :infinity,
           &{:contained, :signal, ref, number, target, &1}
         ) do
      {:error, :closed} -> {:error, :esrch}
      answer -> answer
    end
  end

  @doc "Stops the command by `ladder` and waits for its end."
  @spec stop(Process.t(), :default | Contained.Protocol.ladder()) :: :ok | {:error, :timeout}
  def stop(%Process{ref: ref} = process, ladder) do
    patience = max(process.patience, patience(%{stop: ladder}))

    # With its launcher the command is gone as well.
    case Requests.ask(process.launcher, patience, &{:contained, :stop, ref, ladder, &1}) do
      {:error, :closed} -> :ok
      answer -> answer
    end
  end

  defdelegate control(target, operation), to: Requests
  defdelegate ask_launcher(launcher, question), to: Requests

  ## Leaving

  defp leave(ref), do: Elixir.Process.demonitor(ref, [:flush])

  defp give_up(ref, launcher) do
    send(launcher, {:contained, :stop, ref, [], nil})
    leave(ref)
    flush(ref)
  end

  defp abort(ref, launcher, writer, patience) do
    Input.stop(writer)
    send(launcher, {:contained, :stop, ref, :default, nil})
    drain(ref, deadline(patience))
    leave(ref)
    flush(ref)
  end

  defp drain(ref, deadline) do
    receive do
      {^ref, {:ended, _}} -> :ok
      {^ref, {:failed, _, _, _}} -> :ok
      {^ref, :launcher_down} -> :ok
      {:DOWN, ^ref, _, _, _} -> :ok
      {^ref, _} -> drain(ref, deadline)
    after
      remaining(deadline) -> :ok
    end
  end

  defp flush(ref) do
    receive do
      {^ref, _} -> flush(ref)
    after
      0 -> :ok
    end
  end

  # How long a stop may take at most.
  defp patience(%{stop: :default}), do: 0
  defp patience(spec), do: spec |> Map.get(:stop, @default_ladder) |> graces()

  defp graces(ladder), do: @sigkill + (ladder |> Enum.map(&elem(&1, 1)) |> Enum.sum())

  # `:infinity` is greater than any number.
  defp deadline(:infinity), do: :infinity
  defp deadline(timeout), do: System.monotonic_time(:millisecond) + timeout

  defp remaining(:infinity), do: :infinity
  defp remaining(deadline), do: max(deadline - System.monotonic_time(:millisecond), 0)
end
