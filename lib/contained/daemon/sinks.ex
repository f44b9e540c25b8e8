defmodule Contained.Daemon.Sinks do
  @moduledoc false
  # Where a daemon's output goes without passing the VM (`log_to:`): files, syslog, commands, the VM's
  # own descriptors.
  #
  # The daemon's program writes into a link, a pipe that the port program holds by name; a sink
  # program of ours, or a command of the user, reads it (see `Plan`). They are commands like others,
  # owned by the daemon, each in a control group of its own. A dead one is started again and goes on
  # with what the dead one had not read; meanwhile the program waits when the pipe is full.
  #
  # The value belongs to the daemon's process, which hands its messages to `event/2`.

  alias Contained.{Error, Launcher}
  alias Contained.Daemon.Sinks.{Part, Plan, Spec}

  @close_timeout 2_500

  defstruct [:ref, :launcher, :own_launcher, parts: %{}, links: []]

  @type t :: %__MODULE__{}

  @typedoc """
  What went wrong, each told once:

    * `%{event: :trouble, reason: :enospc, subject: path}` - from now on bytes are dropped (or
      waited with, by `policy: :block`)
    * `%{event: :over, dropped: bytes, subject: path}` - it works again
    * `%{event: :died, program: path, role: :sink | :command, status: status}` - it is restarted
    * `%{event: :failed, error: error}` - it could not be; another attempt follows
  """
  @type report :: map

  @typedoc """
  By `tee` the owner is told of the output, by `tail` of the last of it when it closes the sinks. By
  `credit: :manual` output counts as consumed by `taken/2`, else by `event/2`.
  """
  @type context :: %{
          required(:launcher) => GenServer.server() | :dedicated,
          required(:ladder) => [{1..64, non_neg_integer}],
          required(:cd) => binary,
          required(:tee) => boolean,
          optional(:tail) => boolean,
          optional(:credit) => :auto | :manual
        }

  @doc "Checks the value of `log_to:`, one sink or a list of them."
  @spec parse(term) :: {:ok, [Spec.t()]} | {:error, binary}
  defdelegate parse(term), to: Spec

  @doc """
  Opens the links and starts what reads them; returns when all files are open. The calling process
  owns them. With it they end: not before they have read what was written.

  `streams.stdout` is for the specification of the program's command, whose launcher has to be
  `streams.launcher`. It is the one of the context; in place of `:dedicated` one that is linked to
  the calling process.
  """
  @spec open([Spec.t()], context) ::
          {:ok, t, %{stdout: term, launcher: GenServer.server() | :dedicated}}
          | {:error, Error.t()}
  def open(specs, context) do
    with {:ok, plan} <- Plan.new(specs, context),
         {:ok, sinks} <- open_links(plan, context),
         {:ok, sinks} <- open_parts(sinks, plan.parts, Map.get(context, :credit, :auto)),
         do: {:ok, sinks, %{stdout: plan.stdout, launcher: sinks.launcher}}
  end

  defp open_links(%{links: []}, context),
    do: {:ok, %__MODULE__{ref: make_ref(), launcher: context.launcher}}

  defp open_links(plan, %{launcher: launcher}) do
    case launcher != :dedicated && GenServer.whereis(launcher) do
      nil when launcher != Launcher -> {:error, no_launcher(launcher)}
      none when none in [nil, false] -> {:ok, renew(own_launcher(plan))}
      _found -> {:ok, renew(%__MODULE__{ref: make_ref(), launcher: launcher, links: plan.links})}
    end
  end

  # A launcher for one command alone would end with it.
  defp own_launcher(plan) do
    {:ok, pid} = Launcher.start_link()
    %__MODULE__{ref: make_ref(), launcher: pid, own_launcher: pid, links: plan.links}
  end

  defp no_launcher(launcher),
    do: %Error{reason: :noproc, stage: :launcher, subject: inspect(launcher)}

  @doc """
  Opens those of the links that its launcher does not have, because it was started anew. To be called
  before the program is started again after its launcher went down.
  """
  @spec renew(t) :: t
  def renew(sinks) do
    tell_launcher(sinks, for(name <- sinks.links, do: {:open, name, self()}))
    sinks
  end

  defp tell_launcher(%{launcher: launcher}, changes) do
    to = GenServer.whereis(launcher)
    if to, do: Enum.each(changes, &send(to, {:contained, :link, &1}))
    :ok
  end

  defp open_parts(sinks, parts, credit) do
    parts
    |> Enum.with_index()
    |> Enum.reduce_while({:ok, sinks}, fn {part, id}, {:ok, sinks} ->
      part = put_in(part.command.launcher, sinks.launcher)

      case Part.open(%{Part.new(part) | credit: credit}) do
        {:ok, part} -> {:cont, {:ok, put(sinks, id, part)}}
        {:error, error} -> {:halt, give_up(sinks, error)}
      end
    end)
  end

  defp give_up(sinks, error) do
    for {_id, part} <- sinks.parts, do: Part.kill(part)
    close_links(sinks, sinks.links)
    stop_launcher(sinks)
    {:error, error}
  end

  ## Messages

  @doc """
  What a message of the owner's mailbox means: output of the program that the daemon wanted too
  (`tee`), something to report, or nothing; `:none` when it is about something else.
  """
  @spec event(t, term) :: {:output, binary, t} | {:report, report, t} | {:ok, t} | :none
  def event(%{ref: ref} = sinks, {__MODULE__, ref, {:restart, id}}),
    do: {:ok, restart(sinks, id, sinks.parts[id])}

  def event(%{ref: ref} = sinks, {__MODULE__, ref, {:report, report}}),
    do: {:report, report, sinks}

  def event(sinks, message) do
    Enum.find_value(sinks.parts, :none, fn {id, part} ->
      with {part, told} <- Part.event(part, message) do
        tell(told, put(sinks, id, tend(sinks, id, part)))
      else
        :none -> nil
      end
    end)
  end

  defp tell([], sinks), do: {:ok, sinks}
  defp tell([{:tail, _data}], sinks), do: {:ok, sinks}
  defp tell([{:output, data}], sinks), do: {:output, data, sinks}

  # More than one are told one after the other.
  defp tell([{:report, report} | more], sinks) do
    for told <- more, do: send(self(), {__MODULE__, sinks.ref, told})
    {:report, report, sinks}
  end

  defp tend(sinks, id, %{process: nil, timer: nil} = part) do
    {pause, part} = Part.pause(part)
    %{part | timer: Process.send_after(self(), {__MODULE__, sinks.ref, {:restart, id}}, pause)}
  end

  defp tend(_sinks, _id, part), do: part

  # After close/2 nothing is restarted.
  defp restart(sinks, _id, nil), do: sinks

  defp restart(sinks, id, part) do
    sinks = renew(sinks)
    {_result, part} = Part.restart(%{part | timer: nil})
    put(sinks, id, tend(sinks, id, part))
  end

  defp put(sinks, id, part), do: %{sinks | parts: Map.put(sinks.parts, id, part)}

  @doc "With `credit: :manual`: so many bytes of `{:output, data, _}` have been consumed."
  @spec taken(t, pos_integer) :: t
  def taken(sinks, bytes) do
    %{sinks | parts: Map.new(sinks.parts, fn {id, part} -> {id, Part.taken(part, bytes)} end)}
  end

  ## What else a daemon asks

  @doc "Files are opened anew, as after a logrotate."
  @spec reopen(t) :: :ok
  def reopen(sinks), do: Enum.each(sinks.parts, fn {_id, part} -> Part.reopen(part) end)

  @doc "Bytes that the sink programs have read and dropped, as of a second ago, and their restarts."
  @spec statistics(t) :: %{
          sink_bytes: non_neg_integer,
          sink_dropped: non_neg_integer,
          sink_restarts: non_neg_integer
        }
  def statistics(sinks) do
    Enum.reduce(
      sinks.parts,
      %{sink_bytes: 0, sink_dropped: 0, sink_restarts: 0},
      fn {_id, part}, sum ->
        {read, dropped} = Part.counts(part)

        %{
          sink_bytes: sum.sink_bytes + read,
          sink_dropped: sum.sink_dropped + dropped,
          sink_restarts: sum.sink_restarts + part.restarts
        }
      end
    )
  end

  @doc """
  After the program has ended for good: the sinks read to the end of its output, write it and end.
  One that died is started once more for it. What still comes to the daemon is told by `fun`.

  One that does not end in time, such as a command that reads no more, is killed.
  """
  @spec close(t, ({:output | :tail, binary} | {:report, report} -> term)) :: :ok
  def close(sinks, fun \\ fn _told -> :ok end) do
    deadline = System.monotonic_time(:millisecond) + @close_timeout
    renew(sinks)
    # In the order in which the output passes: each end is the end of the next one's input.
    sinks =
      Enum.reduce(Enum.sort(Map.keys(sinks.parts)), sinks, &close_part(&2, &1, deadline, fun))

    close_links(sinks, sinks.links)
    stop_launcher(sinks)
    flush(sinks.ref)
  end

  defp close_part(sinks, id, deadline, fun) do
    last = fn told, :ok -> tell_last(fun, told) end
    # Its end may be in the mailbox.
    {part, :ok} = Part.read_now(sinks.parts[id], :ok, last)
    part = revive(part)
    close_links(sinks, [part.reads])
    {part, :ok} = Part.drain(part, deadline, :ok, last)
    put(sinks, id, part)
  end

  defp tell_last(_fun, {:report, %{event: :died, status: {:exited, 0}}}), do: :ok

  defp tell_last(fun, told) do
    fun.(told)
    :ok
  end

  defp revive(%{process: nil} = part), do: part |> Part.restart() |> elem(1)
  defp revive(part), do: part

  defp close_links(sinks, names), do: tell_launcher(sinks, for(name <- names, do: {:close, name}))

  defp stop_launcher(%{own_launcher: nil}), do: :ok

  defp stop_launcher(%{own_launcher: launcher}) do
    Process.unlink(launcher)
    GenServer.stop(launcher)
  catch
    :exit, _already_gone -> :ok
  end

  defp flush(ref) do
    receive do
      {__MODULE__, ^ref, _} -> flush(ref)
    after
      0 -> :ok
    end
  end
end
