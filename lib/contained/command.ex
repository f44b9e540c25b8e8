defmodule Contained.Command do
  @moduledoc false
  # One command as the caller asked for it: checked, looked up, ready for a launcher.
  #
  # Checks come in the order of `System.cmd/3`: program, arguments, lookup in PATH, options; an
  # absolute path last, by `check/1`, when the collectables are open.

  alias Contained.{Confinement, Environment, Error, Executable, Identity, Options}
  alias Contained.Container.Placement
  alias Contained.Environment.Files
  alias Contained.Options.{Fds, Namespaces, Terminal}

  defstruct kind: :cmd,
            spec: %{},
            input: nil,
            fd_inputs: [],
            launcher: Contained.Launcher,
            deadline: :infinity,
            call: {"", [], []},
            into: "",
            stderr_into: nil,
            lines: false,
            yield_exit: false,
            options: %{}

  @type kind :: :cmd | :shell | :run | :stream | :start | :daemon
  @type input :: nil | {:iodata, iodata} | {:enum, Enumerable.t()}

  # `into` collects the output, `stderr_into` that of stderr when it has a collectable of its own.
  # `options` are all those of a daemon, which has many of its own.
  @type t :: %__MODULE__{
          kind: kind,
          spec: map,
          input: input,
          fd_inputs: [{3..63, iodata}],
          launcher: GenServer.server() | :dedicated,
          deadline: :infinity | non_neg_integer,
          call: {binary, [binary], keyword},
          into: Collectable.t(),
          stderr_into: Collectable.t() | nil,
          lines: boolean,
          yield_exit: boolean,
          options: map
        }

  # What a caller waits beyond the timeout and the ladder before it gives the launcher up.
  @margin 2_000
  @default_ladder [{15, 500}]
  # The longest that `receive ... after` takes.
  @longest_wait 0xFFFFFFFF

  @doc "Prepares `program` with `args`; raises `ArgumentError` for what no machine could run."
  @spec new(kind, binary, [binary], keyword) :: {:ok, t} | {:error, Error.t()}
  def new(kind, program, args, opts) do
    check_program!(kind, program)
    Enum.each(args, &check_argument!(kind, &1))

    with {:ok, options} <- parse(kind, program, opts),
         {:ok, options} <- Placement.enter(options),
         {:ok, place} <- locate(kind, program, options) do
      build(kind, place, args, options, {program, args, opts})
    end
  end

  # A name that is nowhere in PATH comes before a wrong option.
  defp parse(kind, program, opts) do
    {:ok, Options.parse!(kind, opts)}
  catch
    :error, reason ->
      with {:ok, _path} <- find(program), do: :erlang.raise(:error, reason, __STACKTRACE__)
  end

  # Each look at a file from here is a trip to a dirty scheduler, so where a failure has nothing to
  # undo the child itself looks for the program.
  # In a root of its own the VM sees nothing.
  defp locate(kind, program, options) do
    if Namespaces.rooted?(options),
      do: locate_in_root(program, options),
      else: locate_here(kind, program, options)
  end

  @usual "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  defp locate_in_root(<<?/, _::binary>> = path, _options), do: {:ok, path}

  defp locate_in_root(_program, %{arg0: _name}) do
    raise ArgumentError, ~s(cannot use "arg0" for a program without an absolute path in "root")
  end

  defp locate_in_root(program, _options) do
    if program == "" or :binary.match(program, "/") != :nomatch,
      do: {:error, error(:enoent, :exec, program)},
      else: {:ok, {program, Executable.search_path(program) || @usual}}
  end

  defp locate_here(kind, program, options) do
    path = if plain?(kind, options), do: Executable.search_path(program)
    if path, do: {:ok, {program, path}}, else: with({:ok, path} <- find(program), do: {:ok, path})
  end

  defp find(program) do
    with :error <- Executable.find(program), do: {:error, error(:enoent, :exec, program)}
  end

  # Opening one of these collectables has no effect outside.
  defp plain?(kind, options) when kind in [:cmd, :shell, :run] do
    not Map.has_key?(options, :arg0) and plain?(Map.get(options, :into, "")) and
      plain?(options[:stderr])
  end

  defp plain?(_kind, _options), do: false

  defp plain?({:into, collectable}), do: plain?(collectable)
  defp plain?(other), do: is_binary(other) or is_list(other) or is_atom(other)

  @doc "Prepares a line for the shell."
  @spec shell(binary, keyword) :: {:ok, t} | {:error, Error.t()}
  def shell(line, opts) do
    check_program!(:shell, line)
    args = ["-c", "(" <> body(line) <> "\n)"]

    with {:ok, options} <- :shell |> Options.parse!(opts) |> Placement.enter(),
         do: build(:shell, shell_place(options), args, options, {line, [], opts})
  end

  # As System.shell/2: the first in PATH. It names itself by that path in its messages.
  defp shell_place(options) do
    case locate(:shell, "sh", options) do
      {:ok, place} -> place
      {:error, _not_found} -> "/bin/sh"
    end
  end

  # A shell refuses an empty list; System.shell/2 (since Elixir 1.17) takes it for success.
  defp body(line), do: if(String.trim(line) == "", do: ":", else: line)

  @doc """
  Whether a program that was named by an absolute path can be run, for commands that are to fail
  at once. The others learn it from execve(2).
  """
  @spec check(t) :: :ok | {:error, Error.t()}
  def check(
        %__MODULE__{call: {<<?/, _::binary>>, _args, _opts}, spec: %{program: path}} = command
      )
      when command.kind in [:stream, :start, :daemon] and
             not is_map_key(command.spec, :root) and not is_map_key(command.spec, :chroot) do
    with {:error, reason} <- Executable.check(path), do: {:error, error(reason, :exec, path)}
  end

  def check(_command), do: :ok

  defp check_program!(kind, program) do
    if :binary.match(program, "\0") != :nomatch do
      raise ArgumentError,
            "cannot execute #{function(kind)} for program with null byte, got: #{inspect(program)}"
    end
  end

  defp check_argument!(kind, arg) when is_binary(arg) do
    if :binary.match(arg, "\0") != :nomatch do
      raise ArgumentError,
            "cannot execute #{function(kind)} with a null byte in an argument, got: #{quoted(arg)}"
    end
  end

  defp check_argument!(kind, _other) do
    raise ArgumentError, "all arguments for #{function(kind)} must be binaries"
  end

  # Otherwise a null byte makes bytes of a string.
  defp quoted(text), do: inspect(text, binaries: :as_strings)

  defp function(:shell), do: "Contained.shell/2"
  defp function(:daemon), do: "Contained.Daemon.start_link/3"
  defp function(kind), do: "Contained.#{kind}/3"

  defp build(_kind, _place, _args, %{cd: ""}, _call), do: {:error, error(:enoent, :chdir, "")}

  defp build(kind, place, args, options, call) do
    refuse_conflicts!(options)
    spec = kind |> spec(place, args, options) |> Placement.put(options)

    with {:ok, who} <- Identity.resolve(options), {:ok, files} <- Files.changes(options) do
      who = put_elem(who, 0, Namespaces.ids(elem(who, 0), spec, options))
      {:ok, build(kind, spec |> put_env(files) |> put_identity(who), options, call)}
    end
  end

  defp build(kind, spec, options, call) do
    command = %__MODULE__{
      kind: kind,
      spec: spec,
      input: input(options),
      fd_inputs: Fds.inputs(options),
      deadline: deadline(options),
      call: call,
      lines: Map.has_key?(options, :lines),
      yield_exit: Map.get(options, :yield_exit, false)
    }

    command |> put_launcher(options) |> put_collectables(options) |> put_options(options)
  end

  defp input(%{input: :pipe}), do: nil
  defp input(options), do: options[:input]

  defp put_options(%{kind: :daemon} = command, options), do: %{command | options: options}
  defp put_options(command, _options), do: command

  defp put_identity(spec, {ids, env}), do: spec |> Map.merge(ids) |> put_env(env)

  # What the caller sets comes later and wins.
  defp put_env(spec, []), do: spec
  defp put_env(spec, env), do: Map.update(spec, :env, env, &(env ++ &1))

  defp error(reason, stage, subject), do: %Error{reason: reason, stage: stage, subject: subject}

  defp put_launcher(command, %{launcher: launcher}), do: %{command | launcher: launcher}
  defp put_launcher(command, _options), do: command

  defp put_collectables(command, options) do
    %{command | into: Map.get(options, :into, ""), stderr_into: stderr_into(command, options)}
  end

  # Only run/3 collects stderr apart; elsewhere what is captured goes into `into`.
  defp stderr_into(%{kind: :run}, %{stderr: {:into, collectable}}), do: collectable
  defp stderr_into(%{kind: :run, spec: %{stderr: :pipe}}, _options), do: ""
  defp stderr_into(_command, _options), do: nil

  # An option that would be ignored beside another is refused.
  @conflicts [
    {{:stderr_to_stdout, true}, {:use_stdio, false}},
    {{:capture_stderr_only, true}, {:use_stdio, false}},
    {{:input, :any}, {:use_stdio, false}},
    {{:stdin, :any}, {:use_stdio, false}},
    {{:stderr, :any}, {:use_stdio, false}},
    {{:close_stdin, true}, {:use_stdio, false}},
    {{:input, :any}, {:stdin, :any}},
    {{:input, :any}, {:close_stdin, true}},
    {{:stdin, :any}, {:close_stdin, true}},
    {{:stderr, :any}, {:stderr_to_stdout, true}},
    {{:stderr, :any}, {:capture_stderr_only, true}},
    {{:pty, :any}, {:use_stdio, false}},
    {{:pty, :any}, {:capture_stderr_only, true}},
    {{:no_new_privs, false}, {:seccomp, :any}},
    {{:no_new_privs, false}, {:landlock, :any}}
  ]

  defp refuse_conflicts!(options) when map_size(options) < 2, do: :ok

  defp refuse_conflicts!(options) do
    for {one, other} <- @conflicts, set?(options, one), set?(options, other) do
      raise ArgumentError, "cannot use #{describe(options, one)} and #{describe(options, other)}"
    end
  end

  defp set?(options, {key, :any}), do: Map.has_key?(options, key)
  defp set?(options, {key, value}), do: match?(%{^key => ^value}, options)

  # Values that are long.
  defp describe(_options, {key, :any}) when key in [:input, :pty, :seccomp, :landlock],
    do: inspect(Atom.to_string(key))

  defp describe(options, {key, _value}), do: inspect("#{key}: #{inspect(options[key])}")

  defp spec(kind, place, args, options) do
    place(place, args, options)
    |> Map.merge(Map.take(options, [:env, :clear_env, :window, :timeout, :max_output]))
    |> Map.merge(Map.take(options, [:signal_to, :linger, :orphans]))
    |> put_daemon(kind, options)
    |> put_kept(options)
    |> Map.merge(kind |> streams(options) |> Terminal.spec(options))
    |> put_directory(options)
    |> put_ladder(ladder(options))
    |> Map.merge(Confinement.spec(options))
    |> Map.merge(Fds.spec(options))
    |> Map.merge(Namespaces.spec(options))
  end

  # The next generation must not find anybody of the one before.
  defp put_daemon(spec, :daemon, %{max_runtime: ms}),
    do: Map.merge(spec, %{linger: :kill, timeout: ms})

  defp put_daemon(spec, :daemon, _options), do: Map.put(spec, :linger, :kill)
  defp put_daemon(spec, _kind, _options), do: spec

  # What is set explicitly comes later and wins.
  defp put_kept(spec, %{keep_env: names, clear_env: true}) do
    Map.put(spec, :env, Environment.pick(names) ++ Map.get(spec, :env, []))
  end

  defp put_kept(_spec, %{keep_env: [_ | _]}) do
    raise ArgumentError, ~s(cannot use "keep_env" without "clear_env: true")
  end

  defp put_kept(spec, _options), do: spec

  # With a search path the program that is found becomes argv[0].
  defp place({name, path}, args, _options), do: %{program: name, path: path, args: [name | args]}
  defp place(path, args, options), do: %{program: path, args: [options[:arg0] || path | args]}

  # Without it the port program sees to it that the command begins where the VM is.
  defp put_directory(spec, %{cd: path}), do: Map.put(spec, :cd, Executable.absolute(path))
  defp put_directory(spec, _options), do: spec

  defp streams(_kind, %{use_stdio: false}),
    do: %{stdin: :inherit, stdout: :inherit, stderr: :inherit}

  defp streams(kind, options) do
    %{stdin: stdin(kind, options), stdout: stdout(options), stderr: stderr(kind, options)}
  end

  defp stdin(_kind, %{input: _input}), do: :pipe
  defp stdin(_kind, %{stdin: stdin}), do: stdin
  defp stdin(_kind, %{close_stdin: true}), do: :null
  defp stdin(:run, _options), do: :null
  defp stdin(:start, _options), do: :pipe
  defp stdin(_kind, _options), do: :open

  defp stdout(%{capture_stderr_only: true}), do: :null
  defp stdout(_options), do: :pipe

  # As in MuonTrap, capture_stderr_only wins over stderr_to_stdout.
  defp stderr(_kind, %{capture_stderr_only: true}), do: :pipe
  defp stderr(_kind, %{stderr_to_stdout: true}), do: :stdout
  defp stderr(_kind, %{stderr: :discard}), do: :null
  defp stderr(_kind, %{stderr: :capture}), do: :pipe
  defp stderr(_kind, %{stderr: {:into, _collectable}}), do: :pipe
  defp stderr(_kind, %{stderr: stderr}), do: stderr
  defp stderr(:run, _options), do: :pipe
  defp stderr(_kind, _options), do: :inherit

  defp put_ladder(spec, @default_ladder), do: spec
  defp put_ladder(spec, ladder), do: Map.put(spec, :stop, ladder)

  # `:stop_signal` is a ladder already; a rung without a time of its own waits :delay_to_sigkill.
  defp ladder(options) do
    delay = Map.get(options, :delay_to_sigkill, 500)

    for rung <- Map.get(options, :stop_signal, [15]) do
      if is_integer(rung), do: {rung, delay}, else: rung
    end
  end

  defp deadline(%{timeout: timeout} = options),
    do: min(timeout + graces(options) + @margin, @longest_wait)

  defp deadline(_options), do: :infinity

  defp graces(options), do: options |> ladder() |> Enum.map(&elem(&1, 1)) |> Enum.sum()

  @doc "The stop ladder that these options ask for; raises `ArgumentError` for wrong ones."
  @spec ladder!(keyword) :: [{1..64, non_neg_integer}]
  def ladder!(opts), do: :daemon |> Options.parse!(opts) |> ladder()

  @stopping [:stop_signal, :delay_to_sigkill]

  @doc "Milliseconds that the stop ladder of a daemon takes; of wrong options, that of the default."
  @spec ladder_time(keyword) :: non_neg_integer
  def ladder_time(opts) do
    :daemon |> Options.parse!(Keyword.take(opts, @stopping)) |> graces()
  rescue
    ArgumentError -> graces(%{})
  end
end
