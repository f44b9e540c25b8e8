defmodule Contained.Launcher.Sessions do
  @moduledoc false
  # The sessions of one port program, as a value. Requests of clients and events of the program go
  # in; what comes out is the new value and a list of effects, in order:
  #
  #     {:launch, id, spec}         to be started by the port program
  #     {:frame, iodata}            to the port program
  #     {:tell, reference, term}    to the session's client, tagged with its reference
  #     {:reply, reference, term}   to whoever asked; an alias of theirs
  #     {:report, event, metadata}  something that the world may want to know of, see Telemetry
  #     {:places, reference, list}  where the session's control groups are; nil: forget it
  #     {:demonitor, reference}     the owner need not be watched any longer

  alias Contained.Launcher.{Controls, Feed, Groups, Slots}
  alias Contained.Protocol

  @max_id 0x7FFFFFFF

  defmodule Entry do
    @moduledoc false
    # `held` is the specification of one that has to wait for others of its slot, with the frames
    # that are to follow; `container` is the reference of the one that it belongs to.
    defstruct [:ref, :owner, :monitor, :program, :since, :os_pid, :grace, :slot, :held] ++
                [container: nil, feeds: %{}, stops: [], signals: [], asked: %{}] ++
                [stopping?: false, placed?: false]
  end

  defstruct entries: %{}, ids: %{}, next: 1, controls: Controls.new(), groups: Groups.new()

  @type t :: %__MODULE__{
          entries: %{Protocol.id() => struct},
          ids: %{reference => Protocol.id()},
          next: Protocol.id(),
          controls: Controls.t(),
          groups: Groups.t()
        }
  @type effect ::
          {:launch, Protocol.id(), map}
          | {:frame, iodata}
          | {:tell, reference, term}
          | {:reply, reference, term}
          | {:report, [atom], map}
          | {:places, reference, list | nil}
          | {:demonitor, reference}

  @spec new() :: t
  def new, do: %__MODULE__{}

  @spec size(t) :: non_neg_integer
  def size(sessions), do: map_size(sessions.entries)

  @doc "Whether nothing runs and nobody waits for an answer."
  @spec idle?(t) :: boolean
  def idle?(sessions), do: size(sessions) == 0 and Controls.waiting(sessions.controls) == []

  @doc "The session's reference: where its output goes."
  @spec ref(t, Protocol.id()) :: reference | nil
  def ref(%{entries: entries}, id) do
    case entries do
      %{^id => entry} -> entry.ref
      _ -> nil
    end
  end

  @doc "An id that no living session has."
  @spec reserve(t) :: {Protocol.id(), t}
  def reserve(%{next: id} = sessions) when is_map_key(sessions.entries, id) do
    reserve(%{sessions | next: following(id)})
  end

  def reserve(%{next: id} = sessions), do: {id, %{sessions | next: following(id)}}

  defp following(@max_id), do: 1
  defp following(id), do: id + 1

  @doc "Adds the session that `spec` starts. `monitor` watches `owner`."
  @spec add(t, Protocol.id(), reference, {pid, reference}, map) :: t
  def add(sessions, id, ref, {owner, monitor}, spec) do
    entry = %Entry{
      ref: ref,
      owner: owner,
      monitor: monitor,
      program: spec[:program],
      since: System.os_time(:millisecond),
      grace: grace(spec),
      slot: spec[:slot],
      container: container(sessions, spec),
      feeds: feeds(spec)
    }

    put(%{sessions | ids: Map.put(sessions.ids, ref, id)}, id, entry)
  end

  @doc "Why no session can be started where `spec` wants it: its container is gone. `nil` if it can."
  @spec misplaced(t, map) :: {:failed, :container, atom, binary} | nil
  def misplaced(sessions, spec) do
    case Groups.place(sessions.groups, spec[:container]) do
      {:ok, _container} -> nil
      {:error, reason} -> {:failed, :container, reason, spec.container}
    end
  end

  defp container(sessions, spec) do
    with {:ok, ref} <- Groups.place(sessions.groups, spec[:container]), do: ref
  end

  @doc """
  Has an added session started: at once, or when those of the same slot have ended that are being
  stopped or have lost their owner.
  """
  @spec launch(t, Protocol.id(), map) :: {t, [effect]}
  def launch(sessions, id, spec) do
    {slot, spec} = spec |> Map.delete(:container) |> Map.pop(:slot)

    if slot != nil and Slots.leaving?(Map.delete(sessions.entries, id), slot) do
      {put(sessions, id, %{sessions.entries[id] | held: {spec, []}}), []}
    else
      {sessions, [{:launch, id, spec}]}
    end
  end

  defp release_slot(sessions, nil), do: {sessions, []}

  defp release_slot(sessions, slot) do
    sessions.entries |> Slots.free(slot) |> Enum.reduce({sessions, []}, &release/2)
  end

  defp release({id, %{held: {spec, frames}} = entry}, {sessions, effects}) do
    sessions = put(sessions, id, %{entry | held: nil})
    {sessions, effects ++ [{:launch, id, spec} | Enum.reverse(frames)]}
  end

  # One for each descriptor that the command reads from a pipe of ours.
  defp feeds(spec) do
    stdin = if spec[:stdin] == :pipe, do: [0], else: []
    Map.new(stdin ++ for({fd, :input} <- Map.get(spec, :fds, []), do: fd), &{&1, Feed.new()})
  end

  defp grace(spec), do: grace_of(Map.get(spec, :stop, [{15, 500}]))

  defp grace_of(ladder), do: ladder |> Enum.map(&elem(&1, 1)) |> Enum.sum()

  @doc "Milliseconds that the longest stop ladder among the sessions takes."
  @spec longest_grace(t) :: non_neg_integer
  def longest_grace(sessions) do
    Enum.reduce(sessions.entries, 0, fn {_id, entry}, longest -> max(entry.grace, longest) end)
  end

  ## Requests

  @spec write(t, reference, Protocol.fd(), binary, reference | nil) :: {t, [effect]}
  def write(sessions, ref, fd, chunk, reply) do
    with_entry(sessions, ref, reply(reply, {:error, :closed}), fn id, entry ->
      feed(sessions, id, entry, fd, &Feed.write(&1, chunk, reply))
    end)
  end

  @spec close_input(t, reference, Protocol.fd()) :: {t, [effect]}
  def close_input(sessions, ref, fd) do
    with_entry(sessions, ref, [], fn id, entry -> feed(sessions, id, entry, fd, &Feed.close/1) end)
  end

  @spec credit(t, reference, Protocol.stream(), pos_integer) :: {t, [effect]}
  def credit(sessions, ref, stream, bytes) do
    with_entry(sessions, ref, [], fn id, _entry ->
      {sessions, [{:frame, Protocol.credit(id, stream, bytes)}]}
    end)
  end

  @spec signal(t, reference, integer, :all | :leader, reference) :: {t, [effect]}
  def signal(sessions, ref, number, target, reply) do
    with_entry(sessions, ref, reply(reply, {:error, :esrch}), fn id, entry ->
      entry = %{entry | signals: entry.signals ++ [reply]}
      {put(sessions, id, entry), [{:frame, Protocol.signal(id, number, target)}]}
    end)
  end

  @spec stop(t, reference, :default | Protocol.ladder(), reference | nil) :: {t, [effect]}
  def stop(sessions, ref, ladder, reply) do
    with_entry(sessions, ref, reply(reply, :ok), fn id, entry ->
      stops = if reply, do: [reply | entry.stops], else: entry.stops
      entry = %{entry | stops: stops, grace: new_grace(entry, ladder), stopping?: true}
      begin_stop(put(sessions, id, entry), id, entry, ladder)
    end)
  end

  defp begin_stop(sessions, id, %{held: nil}, ladder),
    do: {sessions, [{:frame, Protocol.stop(id, ladder)}]}

  # The port program has not heard of it.
  defp begin_stop(sessions, id, entry, _ladder),
    do: finish(sessions, id, entry, {:failed, :launcher, :ecanceled, entry.program})

  @doc """
  Asks about a session, or the group of that path. The answer is `{:ok, term}` or
  `{:error, stage, errno, subject}`.
  """
  @spec control(
          t,
          reference | {:group, binary},
          Protocol.group_operation(),
          reference | {:end, binary}
        ) ::
          {t, [effect]}
  def control(sessions, {:group, path}, operation, reply),
    do: ask(sessions, reply, &Protocol.group_control(&1, path, operation))

  def control(sessions, ref, operation, reply) do
    with_entry(sessions, ref, reply(reply, gone()), fn id, entry ->
      {control, sessions, effects} =
        ask(sessions, id, reply, &Protocol.control(id, &1, operation))

      {asked(sessions, id, entry, {control, operation}), effects}
    end)
  end

  # What the answer will tell of the session's places, or make of those that are known.
  defp asked(sessions, id, entry, {control, :places}),
    do: put(sessions, id, %{entry | asked: Map.put(entry.asked, control, :places)})

  defp asked(sessions, id, entry, {control, {:set_limits, _}}),
    do: put(sessions, id, %{entry | asked: Map.put(entry.asked, control, :set_limits)})

  defp asked(sessions, _id, _entry, _other), do: sessions

  defp gone, do: {:error, :signal, :esrch, ""}

  @doc "Asks for what launchers before have left to be removed."
  @spec sweep(t, reference) :: {t, [effect]}
  def sweep(sessions, reply), do: ask(sessions, reply, &Protocol.sweep/1)

  # Of no session.
  defp ask(sessions, reply, frame) do
    {_control, sessions, effects} = ask(sessions, 0, reply, frame)
    {sessions, effects}
  end

  defp ask(sessions, id, reply, frame) do
    {ref, controls} = Controls.add(sessions.controls, id, reply)
    {ref, %{sessions | controls: controls}, [{:frame, frame.(ref)}]}
  end

  defp new_grace(entry, :default), do: entry.grace
  defp new_grace(_entry, ladder), do: grace_of(ladder)

  @doc "The owner has died: the command is stopped by its own ladder."
  @spec owner_down(t, Protocol.id()) :: {t, [effect]}
  def owner_down(sessions, id) when is_map_key(sessions.entries, id) do
    entry = %{sessions.entries[id] | stopping?: true}
    begin_stop(put(sessions, id, entry), id, entry, :default)
  end

  def owner_down(sessions, _id), do: {sessions, []}

  ## Events

  @doc "An event of the port program, `output` excepted: see `ref/2`."
  @spec event(t, Protocol.event()) :: {t, [effect]}
  def event(sessions, {:answer, id, ref, answer}) do
    {sessions, noted} = noted(sessions, id, ref, answer)
    {sessions, replied} = answered(sessions, Controls.take(sessions.controls, ref), answer)
    # Who is told finds them noted.
    {sessions, noted ++ replied}
  end

  # A refusal does not name the request.
  def event(sessions, {:refused, id, request, reason})
      when request in [:control, :group_control] do
    answer = {:error, :option, :einval, Atom.to_string(reason)}
    answered(sessions, Controls.take_first(sessions.controls, id), answer)
  end

  def event(sessions, {:group_event, path, kind, details}),
    do: {sessions, Groups.event(sessions.groups, path, kind, details)}

  def event(sessions, event) do
    id = elem(event, 1)

    case sessions.entries do
      %{^id => entry} -> event(sessions, id, entry, event)
      _ -> {sessions, []}
    end
  end

  defp event(sessions, id, entry, {:started, _, os_pid}) do
    entry = %{entry | os_pid: os_pid}

    {put(sessions, id, entry),
     [tell(entry, {:started, os_pid}) | tell_container(entry, :started, os_pid)]}
  end

  defp event(sessions, id, entry, {:failed, _, stage, errno, subject}) do
    finish(sessions, id, entry, {:failed, stage, errno, subject})
  end

  # Nobody waits for the end of a stream: what counts is the end of the command.
  defp event(sessions, _id, _entry, {:closed, _, _stream}), do: {sessions, []}

  defp event(sessions, id, entry, {:input_credit, _, bytes}),
    do: event(sessions, id, entry, {:input_credit, id, 0, bytes})

  defp event(sessions, id, entry, {:input_credit, _, fd, bytes}) do
    feed(sessions, id, entry, fd, &Feed.credit(&1, bytes))
  end

  defp event(sessions, id, entry, {:input_closed, _, errno}),
    do: event(sessions, id, entry, {:input_closed, id, 0, errno})

  defp event(sessions, id, entry, {:input_closed, _, fd, errno}) do
    feed(sessions, id, entry, fd, &Feed.broken(&1, errno))
  end

  defp event(sessions, id, entry, {:signaled, _, answer}), do: answer(sessions, id, entry, answer)

  defp event(sessions, _id, entry, {:stuck, _}) do
    {sessions, [{:report, [:stop, :stuck], Map.take(entry, [:program, :os_pid, :owner])}]}
  end

  defp event(sessions, _id, entry, {:orphan_exit, _, os_pid, exit}) do
    told = tell(entry, {:orphan_exit, os_pid, exit})
    {sessions, [told | tell_container(entry, :orphan_exit, {os_pid, exit})]}
  end

  defp event(sessions, id, entry, {:ended, _, map}) do
    {sessions, effects} = finish(sessions, id, entry, {:ended, map})
    {sessions, effects ++ leftovers(entry, map)}
  end

  # A refused start is the session's only event. Of the others a refused signal has somebody
  # waiting; a refused stop means that the end is on its way.
  defp event(sessions, id, entry, {:refused, _, :start, :shutting_down}) do
    finish(sessions, id, entry, {:failed, :launcher, :eshutdown, "shutting down"})
  end

  defp event(sessions, id, entry, {:refused, _, :start, reason}) do
    finish(sessions, id, entry, {:failed, :option, :einval, Atom.to_string(reason)})
  end

  defp event(sessions, id, entry, {:refused, _, :signal, _}) do
    answer(sessions, id, entry, :einval)
  end

  defp event(sessions, _id, _entry, _event), do: {sessions, []}

  defp leftovers(entry, ended) do
    counts = Map.merge(%{left_behind: 0, unkilled: 0}, Map.take(ended, [:left_behind, :unkilled]))
    metadata = Map.take(entry, [:program, :os_pid, :owner])

    if counts == %{left_behind: 0, unkilled: 0},
      do: [],
      else: [{:report, [:command, :left_behind], Map.merge(metadata, counts)}]
  end

  # A container's group is gone, or resists.
  defp answered(sessions, {{:end, path}, controls}, _answer) do
    {groups, effects} = Groups.ended(sessions.groups, path)
    {%{sessions | controls: controls, groups: groups}, effects}
  end

  defp answered(sessions, {reply, controls}, answer) do
    {%{sessions | controls: controls}, reply(reply, answer)}
  end

  defp noted(sessions, id, control, answer) do
    with %{^id => %{asked: %{^control => kind} = asked} = entry} <- sessions.entries do
      {placed?, effects} = places(kind, answer, entry)
      entry = %{entry | asked: Map.delete(asked, control), placed?: placed?}
      {put(sessions, id, entry), effects}
    else
      _not_asked -> {sessions, []}
    end
  end

  defp places(:places, {:ok, places}, entry), do: {true, [{:places, entry.ref, places}]}
  defp places(:set_limits, _answer, entry), do: {false, forget_places(entry)}
  defp places(_refused, _answer, entry), do: {entry.placed?, []}

  defp forget_places(%{placed?: true, ref: ref}), do: [{:places, ref, nil}]
  defp forget_places(_entry), do: []

  # Answers come in the order of the signals.
  defp answer(sessions, _id, %{signals: []}, _answer), do: {sessions, []}

  defp answer(sessions, id, %{signals: [reply | rest]} = entry, answer) do
    {put(sessions, id, %{entry | signals: rest}), reply(reply, to_result(answer))}
  end

  defp to_result(:ok), do: :ok
  defp to_result(errno), do: {:error, errno}

  @doc "One session is over without the port program's saying so."
  @spec fail(t, Protocol.id(), term) :: {t, [effect]}
  def fail(sessions, id, message) do
    finish(sessions, id, Map.fetch!(sessions.entries, id), message)
  end

  @doc "The port program is gone: every session is told `message`."
  @spec fail_all(t, term) :: {t, [effect]}
  def fail_all(sessions, message) do
    effects =
      Enum.flat_map(sessions.entries, fn {id, entry} ->
        {_, effects} = finish(sessions, id, %{entry | slot: nil}, message)
        effects
      end)

    asking =
      for reply <- Controls.waiting_for(sessions.controls, 0), not is_tuple(reply), do: reply

    {groups, more} = Groups.all_ended(sessions.groups)

    {%__MODULE__{next: sessions.next, groups: groups},
     effects ++ reply_all(asking, failure(message)) ++ more}
  end

  defp failure({:failed, stage, errno, subject}), do: {:error, stage, errno, subject}
  defp failure(reason) when is_atom(reason), do: {:error, :launcher, reason, ""}

  @doc "What is running, for people."
  @spec list(t) :: [map]
  def list(sessions) do
    for {_id, entry} <- sessions.entries do
      entry
      |> Map.take([:program, :os_pid, :owner, :ref, :grace])
      |> Map.put(:since, DateTime.from_unix!(entry.since, :millisecond))
    end
  end

  defp finish(sessions, id, entry, message) do
    {asking, controls} = Controls.take_all(sessions.controls, id)

    waiting =
      reply_all(asking, gone()) ++
        reply_all(entry.signals, {:error, :esrch}) ++
        reply_all(writers(entry), {:error, :closed}) ++ reply_all(entry.stops, :ok)

    sessions = %{
      sessions
      | entries: Map.delete(sessions.entries, id),
        ids: Map.delete(sessions.ids, entry.ref),
        controls: controls
    }

    {sessions, released} = release_slot(sessions, entry.slot)

    told = [
      tell(entry, message),
      {:demonitor, entry.monitor} | tell_container(entry, :over, message)
    ]

    {sessions, forget_places(entry) ++ told ++ waiting ++ released}
  end

  defp tell_container(%{container: nil}, _kind, _details), do: []

  defp tell_container(entry, kind, details),
    do: [
      {:tell, entry.container,
       {kind, Map.take(entry, [:ref, :os_pid, :program, :grace]), details}}
    ]

  defp writers(entry), do: Enum.flat_map(entry.feeds, fn {_fd, feed} -> Feed.waiting(feed) end)

  defp feed(sessions, id, entry, fd, change) do
    {feed, effects} = change.(entry.feeds[fd])
    entry = if feed, do: %{entry | feeds: Map.put(entry.feeds, fd, feed)}, else: entry
    {entry, effects} = effects |> Enum.map(&with_id(&1, id, fd)) |> hold(entry)
    {put(sessions, id, entry), effects}
  end

  defp hold(effects, %{held: nil} = entry), do: {entry, effects}

  defp hold(effects, %{held: {spec, held}} = entry) do
    {frames, others} = Enum.split_with(effects, &(elem(&1, 0) == :frame))
    {%{entry | held: {spec, Enum.reverse(frames) ++ held}}, others}
  end

  defp with_id({:input, chunk}, id, fd), do: {:frame, Protocol.input(id, fd, chunk)}
  defp with_id(:close_input, id, fd), do: {:frame, Protocol.close_input(id, fd)}
  defp with_id({:reply, _, _} = reply, _id, _fd), do: reply

  defp with_entry(sessions, ref, otherwise, fun) do
    case sessions.ids do
      %{^ref => id} -> fun.(id, Map.fetch!(sessions.entries, id))
      _ -> {sessions, otherwise}
    end
  end

  defp put(sessions, id, entry), do: %{sessions | entries: Map.put(sessions.entries, id, entry)}

  defp tell(entry, message), do: {:tell, entry.ref, message}

  defp reply(nil, _answer), do: []
  defp reply(reply, answer), do: [{:reply, reply, answer}]

  defp reply_all(replies, answer), do: Enum.flat_map(replies, &reply(&1, answer))
end
