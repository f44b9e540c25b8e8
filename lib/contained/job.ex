defmodule Contained.Job do
  @moduledoc ~S"""
  Named OS processes that outlive the VM.

      {:ok, _os_pid} = Contained.Job.run("media", "encode-42", ["ffmpeg", "-i", "in.mkv", "out.mp4"], limits: [memory: "2G"])
      Contained.Job.check("media", "encode-42")
      #=> true

  All that `Contained.cmd/3`, a `Contained.Daemon` or a `Contained.Container` runs ends with the VM. A job does not: it
  has a keeper of its own (guardian and worker, as a launcher has them), which is nobody's child. It survives the process that asked for it,
  the VM, however that ends, and a restart of the release, and is found again by its name. No daemon runs beside it, and nothing is asked of a launcher.

  A job ends like all that Contained runs: whatever its program has left is killed with it (or waited for, `linger: :wait`), its output is in a file to the last byte, and what became of it
  can be asked for afterwards. When its keeper is killed, the job dies with it (`:supervisor_died`).

  Jobs live in a *namespace*, in which their names are unique while they run. Both names are 1 to 64 of the characters `A-Za-z0-9._-`. The command line
  sees the same jobs, and has the same options: `contained job media ls`, `contained job media stop encode-42`, see the guide [Jobs](jobs.md), which also says what
  root has to prepare once for users without a delegated control group, and when a job outlives a `systemctl restart`.

  From Erlang, with binaries for texts:

      {ok, OsPid} = 'Elixir.Contained.Job':run(<<"media">>, <<"encode-42">>, [<<"ffmpeg">>, <<"-i">>, <<"in.mkv">>, <<"out.mp4">>],
                                               [{limits, [{memory, <<"2G">>}]}]),
      {ok, #{status := 0}} = 'Elixir.Contained.Job':wait(<<"media">>, <<"encode-42">>).

  ## Errors

  `{:error, %Contained.Error{}}`; with the stage `:job` its `:reason` is

    * `:already_running` - a job of that name runs
    * `:not_running` - none does
    * `:timeout` - it has not ended, or its keeper has not answered, in time
    * `:enoent` - the program `contained` is not beside the port program
    * `:exit_status` - that program has failed, and has said why on stderr
    * `:supervisor_died`, `:rebooted` - nobody could write a result

  Names, commands and options that cannot be right raise `ArgumentError`, which tells the option, its value and what is allowed.

  At stage `:file` a file of the job is not there (`:enoent`: no such job) or not to be believed: it is a link, or somebody
  else could have written it (`:eperm`, `:eloop`). All other stages are those of a command.
  """

  alias Contained.{Command, Error, Limits, Result, Signals}
  alias Contained.Cgroup.Stats
  alias Contained.Job.{Client, Ending, Files, Log, Options, Program, Record}

  @typedoc "A namespace, or the name of a job in it."
  @type name :: binary

  @typedoc """
  How a job is:

    * `:running`
    * `:finished` - `:result` says how
    * `:supervisor_died` - its keeper was killed, and with it the job; nothing else is known
    * `:rebooted` - it ran when the machine went down
  """
  @type state :: :running | :finished | :supervisor_died | :rebooted

  @type info :: %{
          namespace: name,
          name: name,
          state: state,
          command: [binary],
          cd: binary,
          os_pid: pos_integer,
          log: binary | nil,
          started_at: DateTime.t(),
          containment: atom,
          result: Result.t() | nil
        }

  # As of the command line.
  @grace 5_000
  @unknown_ladder 60_000
  @longest_wait 4_000_000_000

  @doc """
  Starts a job; returns when its program has been executed.

  `command` is the program, looked for as `System.cmd/3` does, and its arguments. Its stdin is empty, stdout and stderr go to its log.

  ## Options

  #{Options.docs()}
    * `:linger` - what becomes of descendants when the program has exited: `:kill` (the default), or `:wait`: the job
      runs until the last of them has ended, or it is stopped. `:timeout` is then of all of it

  and those of `Contained.start/3` but for #{Enum.map_join(Options.not_here(), ", ", &"`:#{&1}`")}. `:delay_to_sigkill` is 5000
  unless given.
  """
  @spec run(name, name, [binary, ...], keyword) :: {:ok, pos_integer} | {:error, Error.t()}
  def run(namespace, name, command, opts \\ [])

  def run(namespace, name, [program | args], opts) do
    check_names!(namespace, name)
    {flags, opts} = Options.split!(opts)
    opts = opts |> Keyword.put_new(:delay_to_sigkill, @grace) |> Keyword.put_new(:linger, :kill)

    with {:ok, command} <- Command.new(:start, program, args, opts),
         do: Program.run(namespace, name, spec(command), flags)
  end

  def run(_namespace, _name, command, _opts) do
    raise ArgumentError,
          "expected a command as a list of the program and its arguments, got: #{inspect(command)}"
  end

  defp spec(%{spec: spec}),
    do: Map.merge(spec, %{stdin: :null, stdout: :inherit, stderr: :inherit})

  @doc "Whether the job runs; false until its program has been executed, and for one that is not there."
  @spec check(name, name) :: boolean
  def check(namespace, name), do: match?({:ok, %{state: :running}}, info(namespace, name))

  @doc """
  How a job is that runs or has run, by its files: its keeper is not asked.

  `:started_at` is when its program was executed, `:command` what was asked for, `:result` is `nil` while it runs. The error
  of a job that is not there is `:enoent` at stage `:file`.
  """
  @spec info(name, name) :: {:ok, info} | {:error, Error.t()}
  def info(namespace, name) do
    check_names!(namespace, name)
    with {:ok, entry} <- Files.look(namespace, name), do: {:ok, info(namespace, name, entry)}
  end

  defp info(namespace, name, %{job: job} = entry) do
    %{
      namespace: namespace,
      name: name,
      state: Files.state(entry),
      command: Map.get(job, "arg", []),
      cd: Record.get(job, "cwd"),
      os_pid: Record.number(job, "os_pid"),
      log: Record.get(job, "log"),
      started_at: DateTime.from_unix!(Record.number(job, "started") || 0, :millisecond),
      containment: containment(Record.get(job, "containment")),
      result: Files.result(entry)
    }
  end

  @kinds Map.new([:cgroup2, :hybrid, :cgroup1, :best_effort], &{Atom.to_string(&1), &1})
  defp containment(text), do: Map.get(@kinds, text, :best_effort)

  @doc "All jobs of a namespace that run or have run, by name."
  @spec list(name) :: [info]
  def list(namespace) do
    check_name!(namespace)

    for name <- Files.jobs(namespace), {:ok, entry} <- [Files.look(namespace, name)] do
      info(namespace, name, entry)
    end
  end

  @doc "The namespaces that there are for this user."
  @spec namespaces() :: [name]
  def namespaces, do: Files.namespaces()

  @doc """
  Waits for the end of a job, also of one that has ended already, for at most `timeout` milliseconds (0 to #{@longest_wait}, default `:infinity`).

  `{:error, error}` with the reason `:timeout` after that; the job goes on. `:supervisor_died`
  or `:rebooted` is the reason when nobody could write a result. It is of the run that is found when it is called: when its name is
  taken anew at once, as by its exit hook, the result tells how it has ended and nothing of what it has used.
  """
  @spec wait(name, name, timeout) :: {:ok, Result.t()} | {:error, Error.t()}
  def wait(namespace, name, timeout \\ :infinity) do
    check_names!(namespace, name)
    deadline = deadline(timeout)

    apart(fn -> Ending.await(namespace, name, deadline) end)
  end

  # Messages of a socket are for a mailbox of its own.
  defp apart(wait), do: wait |> Task.async() |> Task.await(:infinity)

  defp deadline(timeout, more \\ 0)
  defp deadline(:infinity, _more), do: :infinity

  defp deadline(timeout, more) when timeout in 0..@longest_wait,
    do: System.monotonic_time(:millisecond) + timeout + more

  defp deadline(timeout, _more) do
    raise ArgumentError,
          "expected a timeout of 0 to #{@longest_wait} milliseconds or :infinity, got: #{inspect(timeout)}"
  end

  @doc """
  Stops a job and waits until all of it has ended.

    * `:stop_signal`, `:delay_to_sigkill` - another ladder than that of `run/4`, as for `Contained.cmd/3`
    * `:timeout` - milliseconds to wait beyond those of the ladder, or `:infinity` (default `10_000`); the ladder of `run/4`, when
      none is given here, counts as 60 seconds

  The reason `:timeout` says that it has not ended by then, or that its keeper does not answer: then `contained job NS stop NAME` ends it
  without asking.
  """
  @spec stop(name, name, keyword) :: {:ok, Result.t()} | {:error, Error.t()}
  def stop(namespace, name, opts \\ []) do
    check_names!(namespace, name)
    opts = Keyword.validate!(opts, [:stop_signal, :delay_to_sigkill, timeout: 10_000])
    {timeout, opts} = Keyword.pop!(opts, :timeout)
    ladder = if opts != [], do: Command.ladder!(opts), else: []

    apart(fn ->
      Ending.await(namespace, name, deadline(timeout, grace(ladder)), fn ->
        Client.ask(namespace, name, ["stop" | rungs(ladder)], :none)
      end)
    end)
  end

  defp rungs([]), do: []
  defp rungs(ladder), do: [Enum.map_join(ladder, ",", fn {signal, ms} -> "#{signal}:#{ms}" end)]

  # The keeper knows the ladder of run/4, we do not.
  defp grace([]), do: @unknown_ladder
  defp grace(ladder), do: ladder |> Enum.map(&elem(&1, 1)) |> Enum.sum()

  @doc "Sends a signal to the job's program, or to all of its processes (`:all`)."
  @spec signal(name, name, Contained.Process.signal(), :leader | :all) ::
          :ok | {:error, Error.t()}
  def signal(namespace, name, signal, target \\ :leader) when target in [:leader, :all] do
    number = Signals.number!(signal)
    tell(namespace, name, ["signal", "#{number}", "#{target}"])
  end

  @doc "Holds all processes of the job where they are."
  @spec freeze(name, name) :: :ok | {:error, Error.t()}
  def freeze(namespace, name), do: tell(namespace, name, ["freeze"])

  @doc "Lets a frozen job go on."
  @spec thaw(name, name) :: :ok | {:error, Error.t()}
  def thaw(namespace, name), do: tell(namespace, name, ["thaw"])

  @doc "Has the job's log opened anew, after it was renamed by others."
  @spec reopen(name, name) :: :ok | {:error, Error.t()}
  def reopen(namespace, name), do: tell(namespace, name, ["reopen"])

  @doc "Changes limits of the running job, see `Contained.Cgroup.set_limits/2`."
  @spec set_limits(name, name, keyword | map) :: :ok | {:error, Error.t()}
  def set_limits(namespace, name, limits) do
    case Limits.encode(limits) do
      {:ok, limits} -> tell(namespace, name, ["limits" | for({k, v} <- limits, do: "#{k}=#{v}")])
      {:error, text} -> raise ArgumentError, text
      :error -> raise ArgumentError, "expected limits, got: #{inspect(limits)}"
    end
  end

  defp tell(namespace, name, words) do
    check_names!(namespace, name)
    with {:ok, []} <- Client.ask(namespace, name, words, :none), do: :ok
  end

  @doc "What the job uses, as `Contained.Cgroup.stats/1` has it."
  @spec stats(name, name) :: {:ok, map} | {:error, Error.t()}
  def stats(namespace, name) do
    check_names!(namespace, name)

    with {:ok, lines} <- Client.ask(namespace, name, ["stats"], :lines),
         do: {:ok, lines |> Enum.map(&counter/1) |> Stats.stats()}
  end

  defp counter(line) do
    [key, number] = Record.words(line)
    {key, String.to_integer(number)}
  end

  @doc "The processes of the job: `:pid`, `:ppid`, `:state`, `:name` and `:command`."
  @spec processes(name, name) :: {:ok, [map]} | {:error, Error.t()}
  def processes(namespace, name) do
    check_names!(namespace, name)

    with {:ok, lines} <- Client.ask(namespace, name, ["processes"], :lines),
         do: {:ok, Enum.map(lines, &process/1)}
  end

  defp process(line) do
    [pid, ppid, _start, state, name | command] = Record.words(line)
    {pid, ppid} = {String.to_integer(pid), String.to_integer(ppid)}
    %{pid: pid, ppid: ppid, state: state, name: name, command: Enum.join(command, " ")}
  end

  @doc """
  The job's log since it was started or last set aside, as a binary.

    * `:lines` - only so many of its last lines (default `:all`)
    * `:follow` - when true, `{:ok, stream}`, an enumerable of its lines, over all the files that are begun meanwhile. It ends when the
      job does, or halts when it is no longer taken from; it can be enumerated more than once, each time from now
  """
  @spec logs(name, name, keyword) :: {:ok, binary | Enumerable.t()} | {:error, Error.t()}
  def logs(namespace, name, opts \\ []) do
    check_names!(namespace, name)
    Log.read(namespace, name, opts)
  end

  defp check_names!(namespace, name) do
    check_name!(namespace)
    check_name!(name)
  end

  defp check_name!(name) do
    unless Files.valid_name?(name) do
      raise ArgumentError,
            "expected a name of 1 to 64 of the characters A-Za-z0-9._-, not beginning with -, got: #{inspect(name)}"
    end
  end
end
