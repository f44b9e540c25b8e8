defmodule Contained.Session.Requests do
  @moduledoc false
  # Questions to a launcher, by any process. Each reference is made here, for the reason that
  # `Contained.Session` gives.

  alias Contained.{Error, Launcher, Process}

  # A launcher needs no longer for any of them, unless it starts its port program first.
  @control_timeout 10_000

  @doc "Asks the port program about a running command, or for something to be done to it."
  @spec control(Process.t() | {pid, reference}, Contained.Protocol.operation()) ::
          {:ok, term} | {:error, Error.t()}
  def control(%Process{launcher: launcher, ref: ref}, operation),
    do: control({launcher, ref}, operation)

  def control({launcher, ref}, operation) do
    request = &{:contained, :control, ref, operation, &1}
    launcher |> ask(@control_timeout, request) |> answer(:signal, :esrch, "")
  end

  @doc "As `control/2`, without waiting for an answer."
  @spec tell(Process.t() | {pid, reference}, Contained.Protocol.operation()) :: :ok
  def tell(%Process{launcher: launcher, ref: ref}, operation),
    do: tell({launcher, ref}, operation)

  # To a reference that is no alias an answer goes nowhere.
  def tell({launcher, ref}, operation) do
    send(launcher, {:contained, :control, ref, operation, make_ref()})
    :ok
  end

  @doc "Asks a launcher: `:greet` for what its port program can do, `:sweep` to clean up."
  @spec ask_launcher(GenServer.server() | :dedicated, :greet | :sweep) ::
          {:ok, term} | {:error, Error.t()}
  def ask_launcher(launcher, question) do
    with {:ok, pid} <- Launcher.find(launcher) do
      pid
      |> ask(@control_timeout, &{:contained, question, &1})
      |> answer(:launcher, :launcher_down, inspect(launcher))
    else
      {:error, reason} -> {:error, Error.new(:launcher, reason, inspect(launcher))}
    end
  end

  defp answer({:ok, term}, _stage, _closed, _subject), do: {:ok, term}

  defp answer({:error, stage, errno, subject}, _, _, _),
    do: {:error, Error.new(stage, errno, subject)}

  defp answer({:error, :closed}, stage, closed, subject),
    do: {:error, Error.new(stage, closed, subject)}

  defp answer({:error, :timeout}, _stage, _closed, subject),
    do: {:error, Error.new(:launcher, :timeout, subject)}

  @doc """
  Sends what `request` makes of a reference and waits for the answer under it.

  `{:error, :closed}` when the launcher is gone, `{:error, :timeout}` when it does not answer.
  """
  @spec ask(pid | {atom, node}, timeout, (reference -> term)) :: term
  def ask(launcher, timeout, request) do
    reply = :erlang.monitor(:process, launcher, alias: :reply_demonitor)
    send(launcher, request.(reply))

    receive do
      {^reply, answer} -> answer
      {:DOWN, ^reply, _, _, _} -> {:error, :closed}
    after
      timeout -> no_answer(reply)
    end
  end

  defp no_answer(reply) do
    Elixir.Process.demonitor(reply, [:flush])

    receive do
      {^reply, answer} -> answer
    after
      0 -> {:error, :timeout}
    end
  end
end
