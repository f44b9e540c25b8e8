defmodule Contained.Daemon.Starter do
  @moduledoc false
  # Starts a daemon's process. Unlike one that `GenServer.start_link/3` starts, it lives and answers
  # while whoever started it waits for it to be ready, and a parent that exits meanwhile ends it.

  alias Contained.Daemon.{Config, Server, State}
  alias Contained.Error

  # An idle daemon keeps no garbage.
  @options [hibernate_after: 5_000]

  @spec start_link(binary, [binary], keyword) :: GenServer.on_start()
  def start_link(program, args, opts),
    do: :proc_lib.start_link(__MODULE__, :init, [program, args, opts])

  @doc false
  def init(program, args, opts) do
    Process.flag(:trap_exit, true)

    with {:ok, config} <- configure(program, args, opts),
         :ok <- register(config.options[:name]),
         {:ok, state} <- Server.open(State.new(config)) do
      Server.enter(state)
    else
      {:already_started, pid} -> refuse({:already_started, pid}, :normal)
      {:error, reason} -> refuse(reason, reason)
    end
  end

  defp refuse(error, reason) do
    with {:registered_name, name} when name != [] <- Process.info(self(), :registered_name),
         do: Process.unregister(name)

    :proc_lib.init_ack({:error, error})
    exit(reason)
  end

  # As from an `init/1` that raises.
  defp configure(program, args, opts) do
    with {:error, error} <- Config.new(program, args, opts), do: {:error, reason(error)}
  rescue
    exception -> {:error, {exception, __STACKTRACE__}}
  end

  @doc """
  The reason for which a start fails: an error. For a program that is not found it is what
  `System.cmd/3` raises, with the stack.
  """
  @spec reason(Error.t()) :: term
  def reason(%Error{stage: :exec, reason: :enoent} = error) do
    :erlang.error(:enoent, :none, error_info: Error.info(error))
  catch
    :error, :enoent -> {:enoent, __STACKTRACE__}
  end

  def reason(error), do: error

  defp register(nil), do: :ok

  defp register({:global, name}),
    do: registered(:global.register_name(name, self()), :global, name)

  defp register({:via, module, name}),
    do: registered(module.register_name(name, self()), module, name)

  defp register(name) do
    Process.register(self(), name)
    :ok
  rescue
    ArgumentError -> {:already_started, Process.whereis(name)}
  end

  defp registered(:yes, _module, _name), do: :ok
  defp registered(:no, module, name), do: {:already_started, module.whereis_name(name)}

  @doc "Gives up the name, for the next generation to take it and wait for our end."
  @spec unregister(GenServer.name() | nil) :: term
  def unregister(nil), do: :ok
  def unregister({:global, name}), do: :global.unregister_name(name)
  def unregister({:via, module, name}), do: module.unregister_name(name)
  def unregister(name), do: if(Process.whereis(name) == self(), do: Process.unregister(name))

  @doc "Enters the loop of a GenServer under its name."
  @spec loop(module, State.t()) :: no_return
  def loop(module, %{name: name} = state) do
    :gen_server.enter_loop(module, @options, state, server_name(name), :infinity)
  end

  defp server_name(nil), do: self()
  defp server_name(name) when is_atom(name), do: {:local, name}
  defp server_name(name), do: name

  @doc "Answers whoever waits for the start."
  @spec answer(State.t(), {:ok, pid} | {:error, term}) :: State.t()
  def answer(%{starting?: false} = state, _answer), do: state

  def answer(state, answer) do
    :proc_lib.init_ack(answer)
    %{state | starting?: false}
  end
end
