defmodule Contained.Daemon.Events do
  @moduledoc false
  # Whom a daemon tells what happens to it: its subscribers, who are processes that are forgotten when
  # they end; `on_output:`, a process or a function that is told of each chunk; and `into:`, a collectable.
  #
  # What processes are told are messages: `{Contained.Daemon, daemon, event}`. The functions and the
  # collectable run in the calling process, the daemon, and a raise in one of them is its end.

  # More than so many messages in the mailbox of somebody who is told of output: he cannot keep up.
  @busy 1_000

  defstruct subscribers: %{}, on_output: nil, into: nil

  @type event ::
          {:started, os_pid :: pos_integer}
          | :ready
          | {:output, Contained.Daemon.Output.stream(), binary}
          | :paused
          | :resumed
          | :reloading
          | :stopping
          | :watchdog
          | {:status, binary}
          | {:notified, %{optional(binary) => binary}}
          | {:signal, atom | 32..64, :all | :leader}
          | {:limit_hit, atom}
          | {:sink, map}
          | :oom
          | {:orphan_exit, os_pid :: pos_integer, Contained.Result.exit()}
          | {:exited, Contained.Result.t()}
          | {:stopped, term}

  @type on_output :: pid | (stream :: atom, binary -> term) | {module, atom, list}

  @opaque t :: %__MODULE__{
            subscribers: %{optional(reference) => pid},
            on_output: on_output | nil,
            into: {term, (term, term -> term)} | nil
          }

  @doc """
  Opens the collectable of `:into`; `:on_output` is a process, a function of stream and data, or
  `{module, function, args}`, called with stream and data before `args`.
  """
  @spec new(keyword | map) :: t
  def new(opts \\ []) do
    opts = Map.new(opts)
    %__MODULE__{on_output: opts[:on_output], into: open(opts)}
  end

  defp open(%{into: collectable}) when collectable != nil, do: Collectable.into(collectable)
  defp open(_opts), do: nil

  @doc "Whether something can be the value of `:on_output`."
  @spec on_output?(term) :: boolean
  def on_output?(pid) when is_pid(pid), do: true
  def on_output?(fun) when is_function(fun, 2), do: true
  def on_output?({module, name, args}), do: is_atom(module) and is_atom(name) and is_list(args)
  def on_output?(_other), do: false

  @doc "Adds a subscriber; once is enough."
  @spec subscribe(t, pid) :: t
  def subscribe(%__MODULE__{subscribers: subscribers} = events, pid) do
    if pid in Map.values(subscribers) do
      events
    else
      monitor = :erlang.monitor(:process, pid, tag: {__MODULE__, :down})
      %{events | subscribers: Map.put(subscribers, monitor, pid)}
    end
  end

  @spec unsubscribe(t, pid) :: t
  def unsubscribe(%__MODULE__{subscribers: subscribers} = events, pid) do
    {gone, kept} = Enum.split_with(subscribers, &match?({_monitor, ^pid}, &1))
    for {monitor, _pid} <- gone, do: Process.demonitor(monitor, [:flush])
    %{events | subscribers: Map.new(kept)}
  end

  @doc "Takes a message of the mailbox that tells of a subscriber's end."
  @spec event(t, term) :: {:ok, t} | :none
  def event(%__MODULE__{} = events, {{__MODULE__, :down}, monitor, :process, _pid, _reason}),
    do: {:ok, %{events | subscribers: Map.delete(events.subscribers, monitor)}}

  def event(_events, _message), do: :none

  @doc "Whether anybody is there to be told of output."
  @spec output?(t) :: boolean
  def output?(%__MODULE__{subscribers: none, on_output: nil, into: nil}), do: none != %{}
  def output?(%__MODULE__{}), do: true

  @doc """
  Whether somebody who is told of output has not kept up with it. Messages know no flow control: as long
  as this is true, what was told should not count as taken, see `Contained.Session.taken/3`.
  """
  @spec busy?(t) :: boolean
  def busy?(%__MODULE__{on_output: pid} = events) when is_pid(pid),
    do: behind?(pid) or busy?(%{events | on_output: nil})

  def busy?(%__MODULE__{subscribers: subscribers}),
    do: Enum.any?(subscribers, fn {_monitor, pid} -> behind?(pid) end)

  # Of a process on another node nothing is known.
  defp behind?(pid) when node(pid) == node() do
    case Process.info(pid, :message_queue_len) do
      {:message_queue_len, length} -> length > @busy
      nil -> false
    end
  end

  defp behind?(_remote), do: false

  @doc "Tells the subscribers."
  @spec publish(t, event) :: :ok
  def publish(%__MODULE__{subscribers: subscribers}, event) do
    for {_monitor, pid} <- subscribers, do: tell(pid, event)
    :ok
  end

  @doc "Tells everybody of output."
  @spec output(t, Contained.Daemon.Output.stream(), binary) :: t
  def output(%__MODULE__{} = events, stream, data) do
    publish(events, {:output, stream, data})
    hand(events.on_output, stream, data)
    collect(events, data)
  end

  defp hand(nil, _stream, _data), do: :ok
  defp hand(pid, stream, data) when is_pid(pid), do: tell(pid, {:output, stream, data})
  defp hand({module, name, args}, stream, data), do: apply(module, name, [stream, data | args])
  defp hand(fun, stream, data), do: fun.(stream, data)

  defp tell(pid, event), do: send(pid, {Contained.Daemon, self(), event})

  defp collect(%{into: nil} = events, _data), do: events

  defp collect(%{into: {acc, fun}} = events, data),
    do: %{events | into: {fun.(acc, {:cont, data}), fun}}

  @doc """
  Closes the collectable when the daemon ends: `:done`, or `:halt` when it ends by an error of its own.
  Returns what was collected.
  """
  @spec close(t, :done | :halt) :: term
  def close(%__MODULE__{into: nil}, _how), do: nil
  def close(%__MODULE__{into: {acc, fun}}, how), do: fun.(acc, how)
end
