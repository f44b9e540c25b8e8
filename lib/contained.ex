defmodule Contained do
  # The front page is the README: one text, two places.
  @external_resource readme = Path.expand("../README.md", __DIR__)
  @moduledoc readme |> File.read!() |> String.split("<!-- Docs -->") |> Enum.at(1)

  alias Contained.{Collector, Command, Error, Options, Result, Session, Telemetry}

  @typedoc "An option of `cmd/3`."
  @type cmd_option :: unquote(Options.typespec(:cmd))

  @typedoc "An option of `shell/2`."
  @type shell_option :: unquote(Options.typespec(:shell))

  @typedoc "An option of `run/3`."
  @type run_option :: unquote(Options.typespec(:run))

  @typedoc "An option of `stream/3`."
  @type stream_option :: unquote(Options.typespec(:stream))

  @typedoc "An option of `start/3`."
  @type start_option :: unquote(Options.typespec(:start))

  @typedoc "An exit status as `System.cmd/3` gives it, or why there is none."
  @type status :: non_neg_integer | :timeout | :output_limit | :launcher_down

  @doc ~S"""
       Runs `program` with `args` and returns its output and exit status, as `System.cmd/3` does.

       It does not go through a shell: `args` reach the program as they are. A program given by a relative
       name is looked for in the `PATH` of the VM, whatever `:cd` and `:env` say.

       Returns `{collected, status}`. The status of a command killed by a signal is 128 plus the number
       of the signal; so 137 for one that the kernel killed because it was out of the memory that `:limits`
       gives it, where `run/3` has the reason `:oom`. A command that was cut short returns what it wrote until then:
       `{collected, :timeout}`, `{collected, :output_limit}`, or `{collected, :launcher_down}` when its
       launcher was killed. In each case it and all its descendants are dead.

       ## Options

       """ <>
         Options.docs(:cmd) <>
         ~S"""
         ## Error reasons

         Wrong arguments raise `ArgumentError`. A program that cannot be run raises the POSIX reason,
         to be rescued as `ErlangError` or caught as an error:

           * `:enoent` - there is no such program, interpreter or directory (`:cd`)
           * `:eacces` - it is not executable, or a directory
           * `:enoexec` - it is in no format the system can run, for example a script without `#!`
           * `:e2big` - arguments and environment are too large
           * `:enotsup`, `:einval`, `:eperm`, ... - a limit or a privilege that cannot be set, see
             `Contained.Error`; `:enoent` also when there is no such `:user` or `:group`
           * `:enotdir`, `:eloop`, `:enametoolong`, `:enomem`, ... - as execve(2) says

         When no launcher could run the command, `Contained.Error` is raised.

         ## Examples

             iex> Contained.cmd("sh", ["-c", "echo $0; exit 2"], arg0: "me")
             {"me\n", 2}

             iex> {_partial, status} = Contained.cmd("yes", [], max_output: 1_000)
             iex> status
             :output_limit

         """
  @spec cmd(binary, [binary], [cmd_option]) :: {Collectable.t(), status}
  def cmd(program, args, opts \\ []) when is_binary(program) and is_list(args) do
    case collect(Command.new(:cmd, program, args, opts)) do
      {:ok, result} ->
        {result.stdout, status(result)}

      {:error, error} ->
        :erlang.error(reason!(error), [program, args, opts], error_info: Error.info(error))
    end
  end

  @doc ~S"""
       Runs a line in the shell, `sh`, and returns its output and exit status, as `System.shell/2` does.

       > #### Untrusted text {: .warning}
       >
       > Never build the line from text you do not trust: pass it as an argument to `cmd/3`, or in `:env`.

       Returns and raises as `cmd/3`.

       ## Options

       """ <>
         Options.docs(:shell) <>
         ~S"""
         ## Examples

             iex> Contained.shell("echo one && echo two >&2", stderr_to_stdout: true)
             {"one\ntwo\n", 0}

         """
  @spec shell(binary, [shell_option]) :: {Collectable.t(), status}
  def shell(line, opts \\ []) when is_binary(line) do
    case collect(Command.shell(line, opts)) do
      {:ok, result} ->
        {result.stdout, status(result)}

      {:error, error} ->
        :erlang.error(reason!(error), [line, opts], error_info: Error.info(error))
    end
  end

  @doc ~S"""
       Runs `program` with `args`, collects stdout and stderr apart, and tells how it ended.

       Returns `{:ok, result}` with a `Contained.Result` for every command that was started, whatever its
       end: a timeout is `{:ok, %Contained.Result{reason: :timeout}}` with the output until then.
       Returns `{:error, error}` with a `Contained.Error` when it could not be started. Wrong arguments
       raise `ArgumentError`.

       Unlike in `cmd/3`, stdin is empty unless `:input`, `:stdin` or `:pty` is given.

       ## Options

       """ <>
         Options.docs(:run) <>
         ~S"""
         ## Examples

             iex> {:ok, result} = Contained.run("sh", ["-c", "kill -9 $$"])
             iex> {result.reason, result.exit, result.status}
             {:signal, {:signaled, 9, false}, 137}

             iex> {:error, error} = Contained.run("ls", [], cd: "/nowhere")
             iex> Exception.message(error)
             "cannot change to the directory \"/nowhere\": no such file or directory (:enoent). Check the :cd option"

         """
  @spec run(binary, [binary], [run_option]) :: {:ok, Result.t()} | {:error, Error.t()}
  def run(program, args, opts \\ []) when is_binary(program) and is_list(args) do
    collect(Command.new(:run, program, args, opts))
  end

  @doc ~S"""
       Returns a lazy enumerable of what `program` writes.

       The command is started when the enumeration begins, in the process that enumerates, once for each
       enumeration. It writes only as fast as it is read, and it is dead, with all its descendants, when the
       enumeration ends, also early.

       Elements are chunks of stdout, or lines with `:lines`; with `stderr: :capture` they are
       `{:stdout, data}` and `{:stderr, data}`. A status other than 0, a timeout and the like raise
       `Contained.Error` at the end, unless `yield_exit: true` asks for `{:exit, status}` as the last
       element. A program that is not found raises `Contained.Error` at once.

       ## Options

       """ <>
         Options.docs(:stream) <>
         ~S"""
         ## Examples

             iex> Contained.stream("seq", ["3"], lines: 80) |> Enum.map(&String.to_integer/1)
             [1, 2, 3]

             iex> Contained.stream("sh", ["-c", "echo x; exit 7"], yield_exit: true) |> Enum.to_list()
             ["x\n", {:exit, 7}]

         """
  @spec stream(binary, [binary], [stream_option]) :: Enumerable.t()
  def stream(program, args, opts \\ []) when is_binary(program) and is_list(args) do
    case prepare(Command.new(:stream, program, args, opts)) do
      {:ok, command} -> Contained.Stream.new(command)
      {:error, error} -> raise error
    end
  end

  @doc ~S"""
       Starts `program` with `args` and returns a handle, see `Contained.Process`.

       The calling process is the owner: it reads the output, and when it dies the command is stopped.
       Any process may write to the command, signal it or stop it.

       ## Options

       """ <>
         Options.docs(:start) <>
         ~S"""
         ## Examples

             iex> {:ok, process} = Contained.start("cat", [])
             iex> :ok = Contained.Process.write(process, "hello")
             iex> :ok = Contained.Process.close_stdin(process)
             iex> {:ok, result} = Contained.Process.await(process)
             iex> {result.stdout, result.status}
             {"hello", 0}

         """
  @spec start(binary, [binary], [start_option]) ::
          {:ok, Contained.Process.t()} | {:error, Error.t()}
  def start(program, args, opts \\ []) when is_binary(program) and is_list(args) do
    with {:ok, command} <- prepare(Command.new(:start, program, args, opts)) do
      open(command, Telemetry.command(command))
    end
  end

  defp open(command, span) do
    case Session.open(command) do
      {:ok, process} ->
        {:ok, %{process | span: span}}

      {:error, error} ->
        Telemetry.ended(span, {:error, error})
        {:error, error}
    end
  end

  @doc """
  Runs many commands, so many at a time, and returns a lazy enumerable of how they ended.

  A command is `{program, args}` or `{program, args, options}`. Each is run as by `run/3`; the elements are
  what that returns, in the order of the commands. A command is started when the one that it has to
  wait for has ended; when the enumeration ends early, those that run are stopped.

      ["a.wav", "b.wav", "c.wav"]
      |> Enum.map(&{"lame", [&1]})
      |> Contained.async_stream(max_concurrency: 2, limits: [memory: "256M"])
      |> Enum.count(&match?({:ok, %{status: 0}}, &1))

  ## Options

    * `:max_concurrency` - how many run at a time. Defaults to `System.schedulers_online/0`
    * `:ordered` - when false, the elements come as the commands end. Defaults to `true`

  All others are options of `run/3`, for each command; its own come later and win. With `:container` all run
  in one `Contained.Container`. `Contained.Pool` bounds commands of different callers.
  """
  @spec async_stream(Enumerable.t(), keyword) :: Enumerable.t()
  def async_stream(commands, opts \\ []), do: Contained.Pool.async_stream(commands, opts)

  @doc """
  The commands and daemons that run, of all launchers of this VM: maps with `:program`, `:os_pid` (`nil` when it is
  not yet known), `:owner`, `:launcher` and `:since`.
  """
  @spec list() :: [map]
  def list, do: Contained.Info.list()

  @doc """
  Stops all commands and daemons of all launchers of this VM, each by its own ladder or all by the same, at
  the same time. Returns when they and their descendants are dead.

  It does not stop who started them: a daemon ends as after any end of its program, and its supervisor may start it again.
  The ladder is as for `Contained.Process.stop/2`.
  """
  @spec stop_all(:default | [{Contained.Process.signal(), non_neg_integer}]) ::
          :ok | {:error, :timeout}
  def stop_all(ladder \\ :default), do: Contained.Info.stop_all(ladder)

  @doc """
  Returns the version, the launchers with what they can do on this machine, and the running commands; and under
  `:native` whether the native functions are there: `:loaded`, or `{:not_loaded, reason}`.

  What commands may have here is tried, not read from sysctls, which tell nothing of AppArmor, of the seccomp profile of a
  container or of a masked `/proc`: the port program starts a child of its own in each way, and a minute long the answer
  is kept. Each is `true`, `:user` (together with a namespace of users), or `{:error, words}`, the words those of the error that a
  command would get, with what to do:

    * `:namespaces` - a map of `:pid`, `:mount`, `:uts`, `:ipc`, `:net`, `:user`, `:cgroup` and `:time`
    * `:pid_isolation` - the two of that option together, with a `/proc` of their own
    * `:seccomp` - a filter of system calls
    * `:landlock` - the kernel's version of Landlock in the place of `true`

  Whether control groups can be written is under `:launchers`, of those whose port program runs: `:containment`, `:cgroup` and `:limits`
  are what has been found by making the first group.

  Of a launcher whose port program runs, `:seccomp` says whether filters of system calls can be applied, and
  `:landlock` is the kernel's version of Landlock, or `nil` without it.
  """
  @spec info() :: map
  def info, do: Contained.Info.info()

  @doc """
  Prints a table of the commands and daemons that run, of all launchers of this VM, for IEx.

         PID  NAME         PROGRAM       UPTIME  CPU%     TIME  MEMORY  PROCS  STATE
      128311  MyApp.Redis  redis-server    1:02   0.3  0:00.21    9.8M      1  sleeping

  The share of a processor is that of the whole uptime. `Contained.Top.rows/0` returns the same as data.
  """
  @spec top() :: :ok
  def top, do: IO.puts(Contained.Top.table(Contained.Top.rows()))

  defp collect({:ok, command}), do: Collector.run(command)
  defp collect({:error, error}), do: {:error, error}

  defp prepare({:ok, command}), do: with(:ok <- Command.check(command), do: {:ok, command})
  defp prepare({:error, error}), do: {:error, error}

  @cut_short [:timeout, :output_limit, :launcher_down]

  defp status(%Result{reason: reason}) when reason in @cut_short, do: reason
  defp status(%Result{status: status}), do: status

  # What concerns the launcher or the container is no POSIX reason of the command.
  defp reason!(%Error{stage: stage} = error) when stage in [:launcher, :container],
    do: raise(error)

  defp reason!(%Error{reason: :timeout} = error), do: raise(error)
  defp reason!(%Error{reason: reason}), do: reason
end
