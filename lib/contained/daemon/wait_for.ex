defmodule Contained.Daemon.WaitFor do
  @moduledoc false
  # `wait_for:` - the function that has to return before a daemon starts its program. It runs in a
  # process of its own, that ends with the daemon; what it returns does not matter, as in MuonTrap.

  alias Contained.Daemon.Aside

  @opaque t :: Aside.t()

  @doc """
  Calls `fun`, and tells the calling process when it has returned, or not:

      {Contained.Daemon.WaitFor, ref, :done | {:failed, reason}}

  The reason is that of a process which did the same, `{exception, stacktrace}` for one that raised.
  """
  @spec start((() -> term), reference) :: t
  def start(fun, ref) when is_function(fun, 0) do
    Aside.start(__MODULE__, ref, fn ->
      fun.()
      :done
    end)
  end

  @doc "What a message of the mailbox says about the function started with `ref`."
  @spec event(term, reference) :: :done | {:failed, term} | :none
  def event({__MODULE__, ref, :done}, ref), do: :done
  def event({__MODULE__, ref, {:failed, reason}}, ref), do: {:failed, reason}
  def event(_message, _ref), do: :none

  @doc "Ends the function, if it still runs."
  @spec stop(t) :: :ok
  def stop(wait), do: Aside.stop(wait)
end
