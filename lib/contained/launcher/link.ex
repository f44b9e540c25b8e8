defmodule Contained.Launcher.Link do
  @moduledoc false
  # The port program of one launcher, open or not: frames written to it wait here while it is not.

  alias Contained.{Environment, Executable, Limits, Port, Protocol}

  # What a guardian has that neither ends nor can be waited for any longer.
  @last_resort 10_000
  @retry 5

  defstruct [:args, :program, :port, :hello, :snapshot, unsent: :queue.new()]

  @type t :: %__MODULE__{
          args: [binary],
          program: binary | nil,
          port: port | nil,
          hello: map | nil,
          snapshot: term,
          unsent: :queue.queue(iodata)
        }

  @spec new([binary]) :: t
  def new(args), do: %__MODULE__{args: args}

  @spec open?(t) :: boolean
  def open?(link), do: link.port != nil

  @doc "Opens the program, greets it and writes what has waited."
  @spec open(t) :: {:ok, t} | {:error, errno :: atom, subject :: binary}
  def open(link) do
    with {:ok, program} <- Port.locate(), do: open(link, program, Environment.snapshot())
  end

  # The snapshot is older than the environment that the program gets, so nothing that changes in
  # between is missed.
  defp open(link, program, snapshot) do
    case Port.open(program, link.args) do
      {:ok, port} -> {:ok, greet(%{link | program: program, port: port, snapshot: snapshot})}
      {:error, errno} -> {:error, errno, program}
    end
  end

  defp greet(link) do
    Port.command(link.port, Protocol.hello())
    flush(link)
  end

  @doc "A specification with what has changed in the VM's environment since the program started."
  @spec complete(t, map) :: map
  def complete(link, spec), do: link |> put_directory(spec) |> put_changes(link)

  # The port program looks where the VM is by itself, if it is allowed to.
  defp put_directory(%{hello: %{refused: refused}}, spec) when not is_map_key(spec, :cd) do
    cwd = if :cwd in refused, do: Executable.cwd()
    if cwd, do: Map.put(spec, :cd, cwd), else: spec
  end

  defp put_directory(_link, spec), do: spec

  defp put_changes(%{clear_env: true} = spec, _link), do: spec

  defp put_changes(spec, link) do
    case Environment.changes(link.snapshot) do
      [] -> spec
      changes -> Map.update(spec, :env, changes, &(changes ++ &1))
    end
  end

  @spec transmit(t, iodata) :: t
  def transmit(link, frame) do
    idle? = :queue.is_empty(link.unsent)

    if idle? and open?(link) and Port.command(link.port, frame) do
      link
    else
      link = %{link | unsent: :queue.in(frame, link.unsent)}
      if idle? and open?(link), do: later(link), else: link
    end
  end

  @doc "Writes what has waited. Called again by the message `:flush` when the port takes no more."
  @spec flush(t) :: t
  def flush(link) do
    if open?(link), do: flush_next(link, :queue.out(link.unsent)), else: link
  end

  defp flush_next(link, {:empty, _}), do: link

  defp flush_next(link, {{:value, frame}, rest}) do
    if Port.command(link.port, frame), do: flush(%{link | unsent: rest}), else: later(link)
  end

  defp later(link) do
    Process.send_after(self(), :flush, @retry)
    link
  end

  @doc "The program's answer to the greeting."
  @spec greeted(t, map) :: t
  def greeted(link, info), do: %{link | hello: info}

  @doc "What the program can do here. Nothing is known before it has answered."
  @spec abilities(t) :: map
  def abilities(%{hello: hello}) do
    hello = hello || %{}

    %{
      containment: hello[:containment],
      cgroup: hello[:cgroup],
      limits: hello |> Map.get(:limits, []) |> Enum.map(&Limits.key/1),
      refused: Map.get(hello, :refused, [])
    }
  end

  @doc "What can be taken from its commands here."
  @spec seals(t) :: %{seccomp: boolean, landlock: pos_integer | nil}
  def seals(%{hello: hello}) do
    hello = hello || %{}
    %{seccomp: Map.get(hello, :seccomp, false), landlock: hello[:landlock]}
  end

  @doc """
  Whether the program may be silent for want of a processor. One that has not greeted yet has work to do before it
  can, more of it than an answer takes.
  """
  @spec starved?(t) :: boolean
  def starved?(%{hello: %{worker: worker}}), do: Port.runnable?(worker)
  def starved?(_not_greeted), do: true

  @doc """
  Kills the worker of a program that does not answer. Its guardian, woken if it was stopped, then
  empties the control groups and ends; for that it is waited for `patience` milliseconds, and never
  killed before its time: nobody would do its work.
  """
  @spec kill(t, non_neg_integer) :: :ok
  def kill(%{hello: %{guardian: guardian, worker: worker}, program: program}, patience) do
    Port.kill(program, [worker])
    unless Port.ended?(guardian, patience), do: spawn(fn -> put_down(program, guardian) end)
    :ok
  end

  # It has not even said who it is: without its guardian the worker ends by itself.
  def kill(%{port: port} = link, _patience) when port != nil do
    with {:ok, guardian} <- Port.identity(port), do: Port.kill(link.program, [guardian])
    :ok
  end

  def kill(_closed, _patience), do: :ok

  # It has stopped again, or is stuck.
  defp put_down(program, guardian) do
    unless Port.ended?(guardian, @last_resort), do: Port.kill(program, [guardian])
  end

  @doc "Closes what is left of the port; the messages of its owner's mailbox go with it."
  @spec close(t) :: t
  def close(%{port: nil} = link), do: reset(link)

  def close(link) do
    Port.close(link.port)
    reset(link)
  end

  # The snapshot stays: commands that wait for the next program are compared with it.
  defp reset(link), do: %{link | port: nil, hello: nil, unsent: :queue.new()}
end
