defmodule Contained.Launcher.Feed do
  @moduledoc false
  # The input of one session: how much the port program still takes, and the chunks that wait for
  # it with their writers. A chunk is answered when it has been sent, so a writer is never more
  # than one chunk ahead.

  @window 256 * 1024

  defstruct credit: @window, state: :open, queue: :queue.new()

  @type t :: %__MODULE__{
          credit: non_neg_integer,
          state: :open | :closing | :closed | {:broken, atom},
          queue: :queue.queue({binary, reference | nil})
        }
  @type effect :: {:input, binary} | :close_input | {:reply, reference, :ok | {:error, atom}}

  @doc "The most that may be under way, and so the longest chunk."
  @spec window() :: pos_integer
  def window, do: @window

  @spec new() :: t
  def new, do: %__MODULE__{}

  @spec write(t | nil, binary, reference | nil) :: {t | nil, [effect]}
  def write(%{state: :open} = feed, chunk, reply) do
    send_queued(%{feed | queue: :queue.in({chunk, reply}, feed.queue)})
  end

  def write(feed, _chunk, reply), do: {feed, reply(reply, {:error, refusal(feed)})}

  defp refusal(nil), do: :not_piped
  defp refusal(%{state: {:broken, errno}}), do: errno
  defp refusal(_closed), do: :closed

  @doc "End of input, after what waits."
  @spec close(t | nil) :: {t | nil, [effect]}
  def close(%{state: :open} = feed), do: send_queued(%{feed | state: :closing})
  def close(feed), do: {feed, []}

  @doc "The command has taken `bytes`."
  @spec credit(t | nil, non_neg_integer) :: {t | nil, [effect]}
  def credit(nil, _bytes), do: {nil, []}
  def credit(feed, bytes), do: send_queued(%{feed | credit: feed.credit + bytes})

  @doc "The command has closed its end."
  @spec broken(t | nil, atom) :: {t | nil, [effect]}
  def broken(nil, _errno), do: {nil, []}

  def broken(feed, errno) do
    replies = feed |> waiting() |> Enum.flat_map(&reply(&1, {:error, errno}))
    {%{feed | state: {:broken, errno}, queue: :queue.new()}, replies}
  end

  @doc "Those who wait for an answer."
  @spec waiting(t | nil) :: [reference | nil]
  def waiting(nil), do: []
  def waiting(feed), do: for({_chunk, reply} <- :queue.to_list(feed.queue), do: reply)

  defp send_queued(feed), do: send_queued(feed, :queue.peek(feed.queue), [])

  defp send_queued(feed, {:value, {chunk, reply}}, effects)
       when byte_size(chunk) <= feed.credit do
    queue = :queue.drop(feed.queue)
    feed = %{feed | credit: feed.credit - byte_size(chunk), queue: queue}
    sent = reply(reply, :ok) ++ [{:input, chunk}]
    send_queued(feed, :queue.peek(queue), sent ++ effects)
  end

  defp send_queued(%{state: :closing} = feed, :empty, effects) do
    {%{feed | state: :closed}, Enum.reverse([:close_input | effects])}
  end

  defp send_queued(feed, _waiting, effects), do: {feed, Enum.reverse(effects)}

  defp reply(nil, _answer), do: []
  defp reply(reply, answer), do: [{:reply, reply, answer}]
end
