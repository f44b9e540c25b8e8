defmodule Contained.Daemon.Lock do
  @moduledoc false
  # `single_instance:` - a file that is locked by flock(2) for as long as a daemon lives, so that there is one of it on the
  # machine, whoever starts the other: a second VM, or flock(1).
  #
  # The VM cannot lock files. A program of ours does, `contained_port --lock`, a command like others. It is of
  # a slot like the daemon's own, so that the next generation asks for the lock when the last has left it.
  # When the VM dies it stays until the daemon's program has had its time to stop.
  #
  # The value belongs to the daemon's process, which hands its messages to `event/2`.

  alias Contained.Daemon.Config
  alias Contained.{Command, Error, Port, Protocol, Session}

  @sigusr2 12
  # Beyond the ladder of the program, for SIGKILL to have its effect.
  @margin 500

  @enforce_keys [:process, :path]
  defstruct [:process, :path, held?: false, text: ""]

  @type t :: %__MODULE__{held?: boolean}

  @doc "Asks for the lock. What becomes of it comes as messages."
  @spec ask(Config.t(), binary) :: {:ok, t} | {:error, Error.t()}
  def ask(config, path) do
    with {:ok, program} <- locate(),
         {:ok, process} <- Session.launch(command(config, program, Path.expand(path))),
         do: {:ok, %__MODULE__{process: process, path: path}}
  end

  defp locate do
    with {:error, errno, subject} <- Port.locate(),
         do: {:error, %Error{reason: errno, stage: :launcher, subject: subject}}
  end

  defp command(%{command: %{spec: spec} = command, slot: slot}, program, path) do
    grace = spec |> Map.get(:stop, [{15, 500}]) |> Enum.map(&elem(&1, 1)) |> Enum.sum()

    lock = %{
      program: program,
      args: [program, "--lock", path],
      cd: "/",
      stdin: :pipe,
      stdout: :pipe,
      stderr: :inherit,
      stop: [{18, grace + @margin}],
      linger: :kill,
      slot: {__MODULE__, slot}
    }

    %Command{kind: :start, spec: lock, launcher: launcher(command.launcher)}
  end

  # One launcher for both generations, if there is any.
  defp launcher(:dedicated),
    do: if(Process.whereis(Contained.Launcher), do: Contained.Launcher, else: :dedicated)

  defp launcher(other), do: other

  @doc "What a message of the mailbox means."
  @spec event(t, term) ::
          :none
          | {:ok, t}
          | {:held, t}
          | {:taken, os_pid :: pos_integer | nil}
          | {:failed, Error.t()}
          | :lost
  def event(%{process: process} = lock, message) do
    case Session.event(process, message) do
      :none -> :none
      {:stdout, data} -> line(%{lock | text: lock.text <> data})
      {:started, os_pid} -> {:ok, %{lock | process: %{process | os_pid: os_pid}}}
      {:failed, error} -> {:failed, error}
      {:ended, _map} -> :lost
      :launcher_down -> :lost
      _other -> {:ok, lock}
    end
  end

  # A line comes as a whole, it is shorter than PIPE_BUF.
  defp line(lock) do
    case String.split(lock.text) do
      ["held"] -> {:held, %{lock | held?: true}}
      ["taken", "0"] -> {:taken, nil}
      ["taken", os_pid] -> {:taken, String.to_integer(os_pid)}
      ["failed", errno] -> {:failed, error(lock, Protocol.errno(errno))}
    end
  end

  defp error(lock, reason), do: %Error{stage: :lock, reason: reason, subject: lock.path}

  @doc "Notes in the file whose lock it is, for those who want it as well."
  @spec note(t | nil, pos_integer | nil) :: :ok
  def note(nil, _os_pid), do: :ok

  def note(%{process: %{launcher: launcher, ref: ref}}, os_pid) do
    send(launcher, {:contained, :write, ref, 0, "#{os_pid}\n", nil})
    :ok
  end

  @doc "Gives it back; returns when others can have it."
  @spec release(t | nil) :: :ok
  def release(nil), do: :ok

  def release(%{process: process}) do
    _gone = Session.stop(process, [{@sigusr2, @margin}])
    :ok
  end
end
