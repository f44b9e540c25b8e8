defmodule Contained.Pool do
  @moduledoc """
  Bounds how many commands run at a time, whoever runs them.

      children = [{Contained.Pool, name: MyApp.Encoders, max: 4, container: MyApp.Box}]

      {:ok, result} = Contained.Pool.run(MyApp.Encoders, "lame", ["a.wav"], timeout: 60_000)

  A caller beyond the number waits for its turn; turns come in the order of asking. The command runs as
  by `Contained.run/3`: the caller owns it, and when he dies it is stopped, and his turn is another's.

  For the commands of one caller `Contained.async_stream/2` is enough.

  ## Options

    * `:max` - how many commands run at a time, required
    * `:name` - under which the pool is registered, as for `GenServer.start_link/3`

  All others are options of `Contained.run/3` for each command, whose own come later and win.
  """

  use GenServer

  alias Contained.{Error, Result}

  defstruct [:max, :options, running: %{}, waiting: :queue.new()]

  @doc "Starts a pool, linked to the calling process."
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(opts) do
    {own, options} = Keyword.split(opts, [:max, :name])

    unless is_integer(own[:max]) and own[:max] > 0 do
      raise ArgumentError,
            "invalid value for option :max: expected an integer from 1, got: #{inspect(own[:max])}"
    end

    GenServer.start_link(__MODULE__, {own[:max], options}, Keyword.take(own, [:name]))
  end

  @doc "A child specification with the options of `start_link/1`, and `:id`."
  @spec child_spec(keyword) :: Supervisor.child_spec()
  def child_spec(opts) do
    {id, opts} = Keyword.pop(opts, :id, Keyword.get(opts, :name, __MODULE__))
    %{id: id, start: {__MODULE__, :start_link, [opts]}}
  end

  @doc """
  Runs a command when it is its turn, see `Contained.run/3`.

  Of the options `:wait` is the pool's: the longest time in milliseconds to wait for the turn, `:infinity` by
  default. After it the error's stage is `:pool` and its reason `:timeout`.
  """
  @spec run(GenServer.server(), binary, [binary], keyword) ::
          {:ok, Result.t()} | {:error, Error.t()}
  def run(pool, program, args, opts \\ []) do
    {wait, opts} = Keyword.pop(opts, :wait, :infinity)

    with {:ok, turn, options} <- enter(pool, wait) do
      try do
        Contained.run(program, args, Keyword.merge(options, opts))
      after
        GenServer.cast(pool, {:leave, turn})
      end
    end
  end

  defp enter(pool, wait) do
    turn = make_ref()

    try do
      {:ok, turn, GenServer.call(pool, {:enter, turn}, wait)}
    catch
      :exit, {:timeout, _call} ->
        GenServer.cast(pool, {:leave, turn})
        {:error, Error.new(:pool, :timeout, inspect(pool))}
    end
  end

  @doc "How many commands run and how many callers wait: `%{max: 4, running: 4, waiting: 2}`."
  @spec info(GenServer.server()) :: %{
          max: pos_integer,
          running: non_neg_integer,
          waiting: non_neg_integer
        }
  def info(pool), do: GenServer.call(pool, :info)

  @doc false
  @spec async_stream(Enumerable.t(), keyword) :: Enumerable.t()
  def async_stream(commands, opts) do
    {own, options} = Keyword.split(opts, [:max_concurrency, :ordered])

    commands
    |> Task.async_stream(&run_one(&1, options), [timeout: :infinity] ++ own)
    |> Stream.map(fn {:ok, ended} -> ended end)
  end

  defp run_one({program, args}, options), do: Contained.run(program, args, options)

  defp run_one({program, args, own}, options),
    do: Contained.run(program, args, Keyword.merge(options, own))

  @impl true
  def init({max, options}), do: {:ok, %__MODULE__{max: max, options: options}}

  @impl true
  def handle_call({:enter, turn}, {caller, _tag} = from, pool) do
    monitor = :erlang.monitor(:process, caller, tag: {:gone, turn})
    {:noreply, next(%{pool | waiting: :queue.in({turn, monitor, from}, pool.waiting)})}
  end

  def handle_call(:info, _from, pool) do
    counts = %{running: map_size(pool.running), waiting: :queue.len(pool.waiting)}
    {:reply, Map.put(counts, :max, pool.max), pool}
  end

  @impl true
  def handle_cast({:leave, turn}, pool), do: {:noreply, pool |> leave(turn) |> next()}

  @impl true
  def handle_info({{:gone, turn}, _monitor, :process, _pid, _reason}, pool),
    do: {:noreply, pool |> leave(turn) |> next()}

  def handle_info(_stray, pool), do: {:noreply, pool}

  defp leave(pool, turn) do
    {monitor, running} = Map.pop(pool.running, turn)
    gone = :queue.to_list(pool.waiting) |> Enum.find(&match?({^turn, _monitor, _from}, &1))
    for monitor <- [monitor, gone && elem(gone, 1)], monitor, do: demonitor(monitor)
    %{pool | running: running, waiting: :queue.filter(&(elem(&1, 0) != turn), pool.waiting)}
  end

  defp demonitor(monitor), do: Process.demonitor(monitor, [:flush])

  defp next(%{max: max} = pool) when map_size(pool.running) >= max, do: pool

  defp next(pool) do
    case :queue.out(pool.waiting) do
      {:empty, _} ->
        pool

      {{:value, {turn, monitor, from}}, waiting} ->
        GenServer.reply(from, pool.options)
        next(%{pool | running: Map.put(pool.running, turn, monitor), waiting: waiting})
    end
  end
end
