defmodule Contained.Daemon.Notify do
  @moduledoc false
  # The socket of sd_notify(3), on which a daemon's program tells what it does: `ready: :notify` and
  # `watchdog:`.
  #
  # It is held by a process beside the daemon, which hands on one message at a time and receives the
  # next when the daemon has taken that one in:
  #
  #     {Contained.Daemon.Notify, ref, run, [{"READY", "1"}, {"STATUS", "up"}]}
  #
  # Only the program and its descendants are listened to: the kernel tells of each message who has
  # sent it (SCM_CREDENTIALS, unix(7)). Who has ended before it is looked for is nobody.
  #
  # The socket has an abstract name. That is seen in any root directory and by any user, and nothing is
  # left of it; but it is one of a network namespace, so for a program in another one it is a file
  # in a directory that is the program's user's alone.

  alias Contained.{Cgroup, Error, Process}

  # More than one would send; a datagram that is longer is cut.
  @most 65_536
  # The bytes of a `struct ucred` with its header. Descriptors, such as that of sd_notify_barrier(3), find
  # no room: recvmsg(2) then closes them, by which the sender knows that all before has been taken in.
  @control 32

  @enforce_keys [:ref, :pid, :monitor, :name]
  defstruct [:ref, :pid, :monitor, :name]

  @type t :: %__MODULE__{ref: reference, pid: pid, monitor: reference, name: binary}
  @type fields :: [{binary, binary}]

  @doc """
  Opens the socket. By `:apart` it is for a network namespace that is not ours, by `:uid` for another user.
  It is closed when the calling process ends.
  """
  @spec open(%{optional(:apart) => boolean, optional(:uid) => non_neg_integer}) ::
          {:ok, t} | {:error, Error.t()}
  def open(place) do
    owner = self()
    ref = make_ref()
    {pid, monitor} = spawn_monitor(fn -> listen(owner, ref, place) end)

    receive do
      {^ref, {:ok, name}} -> {:ok, %__MODULE__{ref: ref, pid: pid, monitor: monitor, name: name}}
      {^ref, {:error, error}} -> {:error, error}
      {:DOWN, ^monitor, _, _, reason} -> {:error, error(:eproto, inspect(reason))}
    end
  end

  defp error(reason, subject), do: %Error{stage: :notify, reason: reason, subject: subject}

  @doc """
  Whose messages count from now on: a run of the program, or nobody's. To be told between two runs, or a message
  of the second may be taken for one of the first.
  """
  @spec attend(t | nil, Process.t() | nil) :: :ok
  def attend(nil, _process), do: :ok

  def attend(notify, process) do
    send(notify.pid, {:program, process && %{process | writer: nil}})
    :ok
  end

  @doc "What a message of the mailbox says."
  @spec event(t, term) :: {:told, reference, fields} | {:down, term} | :none
  def event(%{ref: ref}, {__MODULE__, ref, run, fields}), do: {:told, run, fields}
  def event(%{monitor: monitor}, {:DOWN, monitor, _, _, reason}), do: {:down, reason}
  def event(_notify, _message), do: :none

  @doc "It has been taken in."
  @spec handled(t) :: :ok
  def handled(notify) do
    send(notify.pid, {:handled, notify.ref})
    :ok
  end

  @doc """
  The variables by which a program knows of it. WATCHDOG_PID could only hold a process id that nobody knows yet.
  """
  @spec env(t, pos_integer | nil) :: [{binary, binary | nil}]
  def env(%{name: name}, watchdog_ms) do
    interval = watchdog_ms && "#{watchdog_ms * 1_000}"
    [{"NOTIFY_SOCKET", name}, {"WATCHDOG_USEC", interval}, {"WATCHDOG_PID", nil}]
  end

  @doc "The fields of a message, in their order."
  @spec parse(binary) :: fields
  def parse(text) do
    for line <- String.split(text, "\n"),
        [name, value] when name != "" <- [String.split(line, "=", parts: 2)],
        do: {name, value}
  end

  ## The process with the socket

  defp listen(owner, ref, place) do
    case bind(place) do
      {:ok, socket, name, path} ->
        send(owner, {ref, {:ok, name}})
        state = %{socket: socket, owner: owner, ref: ref, program: nil, path: path}
        loop(Map.put(state, :monitor, Elixir.Process.monitor(owner)))

      {:error, reason, subject} ->
        send(owner, {ref, {:error, error(reason, subject)}})
    end
  end

  # sd_notify(3) writes "@" for the null byte of an abstract name.
  defp bind(%{apart: true} = place) do
    directory = Path.join(System.tmp_dir!(), random())
    path = Path.join(directory, "notify")

    with :ok <- File.mkdir(directory),
         :ok <- File.chmod(directory, 0o700),
         {:ok, socket} <- open_socket(path),
         :ok <- hand_over([path, directory], place[:uid]) do
      {:ok, socket, path, path}
    else
      {:error, reason} -> {:error, reason, path}
    end
  end

  defp bind(_place) do
    name = random()
    with {:ok, socket} <- open_socket(<<0, name::binary>>), do: {:ok, socket, "@" <> name, nil}
  end

  defp random do
    random = Base.encode16(:rand.bytes(8), case: :lower)
    "contained-notify-#{System.pid()}-#{random}"
  end

  defp open_socket(path) do
    with {:ok, socket} <- :socket.open(:local, :dgram, :default),
         :ok <- :socket.setopt(socket, {:socket, :passcred}, true),
         :ok <- :socket.bind(socket, %{family: :local, path: path}) do
      {:ok, socket}
    else
      {:error, reason} when is_atom(reason) -> {:error, reason}
      {:error, other} -> {:error, :eproto, inspect(other)}
    end
  end

  defp hand_over(_paths, nil), do: :ok

  defp hand_over(paths, uid) do
    Enum.find_value(paths, :ok, fn path ->
      with :ok <- File.chown(path, uid), do: nil
    end)
  end

  defp loop(%{program: nil} = state), do: state |> await() |> loop()

  defp loop(%{socket: socket} = state) do
    case :socket.recvmsg(socket, @most, @control, [], :nowait) do
      {:ok, message} -> state |> renew() |> take(message) |> loop()
      {:select, info} -> state |> await_message(info) |> loop()
      {:error, reason} -> exit(reason)
    end
  end

  # For a program, and for nothing else.
  defp await(state) do
    receive do
      {:program, program} -> %{state | program: program}
      {:DOWN, monitor, _, _, _} when monitor == state.monitor -> finish(state)
    end
  end

  defp await_message(%{socket: socket, monitor: monitor} = state, info) do
    receive do
      {:"$socket", ^socket, :select, _handle} ->
        state

      {:program, program} ->
        :socket.cancel(socket, info)
        %{state | program: program}

      {:DOWN, ^monitor, _, _, _} ->
        finish(state)
    end
  end

  # A message may be from a program that the daemon has told of meanwhile, or is about to.
  defp renew(state) do
    receive do
      {:program, program} -> renew(%{state | program: program})
    after
      0 -> if state.program, do: state, else: state |> await() |> renew()
    end
  end

  defp take(%{program: program} = state, %{iov: data, ctrl: control, flags: flags}) do
    # That a barrier was received is the answer to it.
    fields = (data |> IO.iodata_to_binary() |> parse()) -- [{"BARRIER", "1"}]

    if fields != [] and :trunc not in flags and theirs?(program, sender(control)),
      do: hand_on(state, fields),
      else: state
  end

  # `struct ucred`: process, user and group, each of 32 bits.
  defp sender(control) do
    Enum.find_value(control, 0, fn
      %{type: :credentials, data: <<os_pid::native-signed-32, _::binary>>} -> os_pid
      _other -> nil
    end)
  end

  defp theirs?(%{os_pid: os_pid}, os_pid), do: true
  defp theirs?(_program, os_pid) when os_pid <= 0, do: false

  defp theirs?(program, os_pid) do
    Cgroup.member?(program, os_pid)
  rescue
    Error -> false
  end

  defp hand_on(%{owner: owner, ref: ref, program: program, monitor: monitor} = state, fields) do
    send(owner, {__MODULE__, ref, program.ref, fields})

    receive do
      {:handled, ^ref} -> state
      {:DOWN, ^monitor, _, _, _} -> finish(state)
    end
  end

  defp finish(state) do
    :socket.close(state.socket)

    if state.path do
      File.rm(state.path)
      File.rmdir(Path.dirname(state.path))
    end

    exit(:normal)
  end
end
