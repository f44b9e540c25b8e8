defmodule Contained.Options.Schema do
  @moduledoc false
  # Every option of every kind of command: what it is called, what it may be, what it does.

  alias Contained.Options.{Containment, Daemon, Namespaces, Terminal}

  @all [:cmd, :shell, :run, :stream, :start, :daemon]
  @single @all -- [:daemon]
  @collecting [:cmd, :shell, :run]

  # 46 days: with a ladder on top it still fits `receive ... after`.
  @max_wait 4_000_000_000
  @max_window 1_073_741_824
  # What the port program counts bytes in, and still a small integer of the VM.
  @max_bytes 576_460_752_303_423_487

  @doc "The longest time in milliseconds that an option may name."
  @spec max_wait() :: pos_integer
  def max_wait, do: @max_wait

  @doc "The options, in the order of the documentation."
  @spec all() :: [map]
  def all do
    rows =
      system() ++
        streams() ++
        descriptors() ++
        Terminal.rows(@single) ++
        limits() ++
        stopping() ++
        Containment.rows() ++
        Namespaces.rows() ++
        placement() ++
        Daemon.rows()

    Enum.map(rows, &complete/1)
  end

  defp complete({name, type, default, doc, kinds, more}) do
    %{
      name: name,
      type: type,
      default: default,
      doc: doc,
      kinds: kinds,
      stands_for: Keyword.get(more, :stands_for, name),
      system?: Keyword.get(more, :system?, false)
    }
  end

  defp complete({name, type, default, doc, kinds}),
    do: complete({name, type, default, doc, kinds, []})

  defp system do
    Enum.map(like_system(), fn {name, type, default, doc, kinds} ->
      {name, type, default, doc, kinds, system?: true}
    end)
  end

  defp like_system do
    [
      {:into, :collectable, ~s(""), "injects the output into the given collectable", @collecting},
      {:lines, :count, nil,
       "delivers the output by lines, without their ends (LF or CR LF); lines of any\n" <>
         "length are joined, whatever the number given", [:cmd, :shell, :run, :stream]},
      {:cd, :string, "the directory of the VM", "the directory to run the command in", @all},
      {:env, :env, nil,
       "an enumerable of `{name, value}` pairs of binaries, added to the environment of\n" <>
         "the VM; a value of `nil` removes the variable, `\"\"` makes it empty", @all},
      {:arg0, :string, "the path of the program", "what the program sees as its own name", @all},
      {:stderr_to_stdout, :boolean, "false",
       "sends stderr where stdout goes, into the same pipe, in the order of writing", @all},
      {:use_stdio, :truthy, "true",
       "when false, the command has the stdin, stdout and stderr of the VM, and nothing\n" <>
         "is collected", [:cmd, :shell]},
      {:parallelism, :boolean, nil,
       "taken for the sake of `System.cmd/3`, where it is a hint for the scheduling of a\n" <>
         "port: the one port of a launcher always has it set", @all},
      {:close_stdin, :boolean, "false", "when true, the command reads an empty stdin", [:shell]}
    ]
  end

  defp streams, do: input() ++ output()

  defp input do
    [
      {:input, :input, nil,
       "what the command reads from stdin: iodata, or an enumerable of iodata, read only\n" <>
         "as fast as the command reads. The end of it is the end of file", @single},
      {:input, :daemon_input, nil,
       "what the program reads from stdin at each start: iodata or an enumerable of iodata, or\n" <>
         "`:pipe`, the same as `stdin: :pipe`", [:daemon]},
      {:stdin, {:stdin, [:open, :null, :inherit]}, {:stdin, ":open"},
       "without `:input`, what stdin is: `:open` (a pipe, silent, never at its end),\n" <>
         "`:null` (empty) or `:inherit` (the VM's). `start/3` and daemons also take `:pipe`, which is\n" <>
         "written to by `write/2` of `Contained.Process` or `Contained.Daemon`", @all},
      {:env_file, :string, nil,
       "a file with a line `NAME=value` for each variable; `#` begins a comment, and quotes around a\n" <>
         "value are left out. What `:env` says comes later and wins", @all},
      {:env_dir, :string, nil,
       "a directory with a file for each variable, which is named after it and holds its value, as\n" <>
         "for envdir(8); an empty file removes the variable. `:env_file` comes later and wins",
       @all},
      {:clear_env, :boolean, "false", "starts from an empty environment, only `:env` is set",
       @all},
      {:keep_env, :names, "[]",
       "names of variables that are inherited all the same with `clear_env: true`", @all}
    ]
  end

  defp output do
    [
      {:stderr, {:stderr, [:inherit, :stdout, :discard]}, {:stderr, ":inherit"},
       "where stderr goes: `:inherit` (the VM's), `:stdout` (as `:stderr_to_stdout`) or\n" <>
         "`:discard`. Where the streams come apart, also `:capture`, and in `run/3`\n" <>
         "`{:into, collectable}`", @all},
      {:capture_stderr_only, :boolean, "false", "collects stderr and discards stdout",
       [:cmd, :shell, :daemon]},
      {:window, {:range, 1, @max_window}, "1_048_576",
       "how many bytes of output per stream may be on their way to the caller; with more\n" <>
         "to write, the command waits", @all},
      {:stdio_window, {:range, 1, @max_window}, nil, "another name of `:window`", @all,
       stands_for: :window},
      {:yield_exit, :boolean, "false",
       "when true, `{:exit, status}` is the last element, instead of an exception for a\n" <>
         "status other than 0", [:stream]}
    ]
  end

  defp descriptors do
    [
      {:fds, :fds, "[]",
       "descriptors of the command beyond stdin, stdout and stderr, as pairs of a number from 3 to\n" <>
         "63 and what it is: `:output` (what the command writes there is told apart by\n" <>
         "its number), `:input` (written to by `Contained.Process.write/3`), `{:input, iodata}`\n" <>
         "(read to its end), `:null`, `:stdout` or `:stderr` (the same as these). All others are\n" <>
         "closed", [:run, :start, :daemon]}
    ]
  end

  defp limits do
    [
      {:timeout, :timeout, ":infinity",
       "milliseconds that the command may run, then it is stopped", @single},
      {:max_output, {:range, 1, @max_bytes}, nil,
       "bytes that it may write, stdout and stderr together, then it is stopped", @all}
    ]
  end

  defp stopping do
    [
      {:stop_signal, :ladder, ":term",
       "how to stop: a signal (`:term`, `:int`, ... or a number), or a list of signals with\n" <>
         "the milliseconds to wait after each, `[{:term, 2_000}, {:int, 500}]`. SIGKILL to\n" <>
         "all follows; `:kill` stands for that alone", @all},
      {:delay_to_sigkill, {:range, 0, @max_wait}, "500",
       "milliseconds to wait after a signal of `:stop_signal` that has no time of its own", @all},
      {:signal_to, {:one_of, [:all, :leader]}, ":all",
       "whom those signals reach: `:all` processes of the command, or the `:leader`, the\n" <>
         "one that was started", @all},
      {:linger, {:one_of, [:wait, :kill, :leave]}, ":wait",
       "what becomes of descendants when the command has exited: `:wait` for the end of\n" <>
         "stdout, then kill them; `:kill` them at once; `:leave` them alive", @single},
      {:orphans, :boolean, "false",
       "tells how descendants end whose parent has died before them: `:orphans` of `Contained.Result`,\n" <>
         "`{:orphan_exit, os_pid, exit}` of `Contained.Process.next/2` and of a daemon's events. With\n" <>
         "`:pid_isolation` the pids are those inside; without it pure v1 control groups cannot tell\n" <>
         "(`:enotsup`). Nothing is told of who has left the command's group",
       [:run, :start, :daemon]}
    ]
  end

  defp placement do
    [
      {:launcher, :launcher, "Contained.Launcher",
       "the launcher to use, a name or a pid, or `:dedicated`: one for this command alone", @all},
      {:container, :container, nil,
       "the container to run in, see `Contained.Container`: its launcher is used, and its control\n" <>
         "group is the one that `:cgroup_group`, `:cgroup_name` and the like are below", @all}
    ]
  end

  @doc "What an option of one kind of command may be."
  @spec type(map, atom) :: term
  def type(%{type: {:stdin, values}}, kind) when kind in [:start, :daemon],
    do: {:one_of, values ++ [:pipe]}

  def type(%{type: {:stdin, values}}, _kind), do: {:one_of, values}
  def type(%{type: {:stderr, values}}, :run), do: {:one_of, values ++ [:capture, {:into, :t}]}

  def type(%{type: {:stderr, values}}, kind) when kind in [:stream, :start, :daemon],
    do: {:one_of, values ++ [:capture]}

  def type(%{type: {:stderr, values}}, _kind), do: {:one_of, values}
  def type(%{type: type}, _kind), do: type

  @doc "The default of an option of one kind of command, as text."
  @spec default(map, atom) :: binary | nil
  def default(%{default: {:stdin, _text}}, :run), do: ":null"
  def default(%{default: {:stdin, _text}}, :start), do: ":pipe"
  def default(%{default: {:stderr, _text}}, :run), do: ":capture"
  def default(%{default: {_name, text}}, _kind), do: text
  def default(%{default: text}, _kind), do: text
end
