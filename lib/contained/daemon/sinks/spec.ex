defmodule Contained.Daemon.Sinks.Spec do
  @moduledoc false
  # What stands in `log_to:`, checked. A sink of ours becomes words of `contained_port --sink`
  # (c_src/sink/options.hpp).

  alias Contained.Command
  alias Contained.Options.Values

  @type t ::
          {:file, binary, keyword}
          | {:syslog, binary, 0..191, keyword}
          | {:command, binary, [binary], keyword}
          | {:fd, 1 | 2}
          | :logger

  @facilities [kern: 0, user: 1, mail: 2, daemon: 3, auth: 4, syslog: 5, lpr: 6, news: 7] ++
                [uucp: 8, cron: 9, authpriv: 10, ftp: 11] ++
                for(n <- 0..7, do: {:"local#{n}", 16 + n})
  @levels [emergency: 0, emerg: 0, alert: 1, critical: 2, crit: 2, error: 3, err: 3] ++
            [warning: 4, warn: 4, notice: 5, info: 6, debug: 7]

  @most 0x7FFFFFFFFFFFFFFF
  @most_kept 0x7FFFFFFF
  # What the sink's own session says about these.
  @taken [:input, :stdin, :close_stdin, :use_stdio, :into, :lines, :launcher]

  @doc "One sink or a list of them."
  @spec parse(term) :: {:ok, [t]} | {:error, binary}
  def parse(sinks) when is_list(sinks) do
    with {:ok, specs} <- all(sinks, &sink/1), do: {:ok, Enum.uniq(specs)}
  end

  def parse(sink), do: parse([sink])

  defp all(list, check, checked \\ [])
  defp all([], _check, checked), do: {:ok, Enum.reverse(checked)}

  defp all([item | rest], check, checked) do
    with {:ok, value} <- check.(item), do: all(rest, check, [value | checked])
  end

  defp all(improper, _check, _checked), do: not_a("a list of sinks", improper)

  defp sink({:file, path}), do: sink({:file, path, []})

  defp sink({:file, path, opts}) when is_binary(path) and is_list(opts) do
    with :ok <- text(path, "the path of a file"),
         {:ok, opts} <- all(opts, &file_option/1),
         do: {:ok, {:file, path, List.flatten(opts)}}
  end

  defp sink({:syslog, ident, facility, level}), do: sink({:syslog, ident, facility, level, []})

  defp sink({:syslog, ident, facility, level, opts}) when is_list(opts) do
    with :ok <- text(ident, "the ident of :syslog, text"),
         {:ok, facility} <- one_of(@facilities, facility, "a facility of syslog(3)"),
         {:ok, level} <- one_of(@levels, level, "a level of syslog(3)"),
         {:ok, opts} <- all(opts, &syslog_option/1),
         do: {:ok, {:syslog, ident, facility * 8 + level, opts}}
  end

  defp sink({:command, program, args}), do: sink({:command, program, args, []})

  defp sink({:command, program, args, opts})
       when is_binary(program) and is_list(args) and is_list(opts),
       do: command(program, args, opts)

  defp sink({:fd, fd}) when fd in [1, 2], do: {:ok, {:fd, fd}}
  defp sink(:logger), do: {:ok, :logger}

  defp sink(other) do
    not_a(
      "{:file, path}, {:file, path, options}, {:syslog, ident, facility, level}, " <>
        "{:command, program, args, options}, {:fd, 1}, {:fd, 2} or :logger",
      other
    )
  end

  # Without a null byte, and none that would end a word's meaning.
  defp text(text, what) do
    if is_binary(text) and text != "" and :binary.match(text, "\0") == :nomatch,
      do: :ok,
      else: not_a(what <> ", without null bytes", text)
  end

  defp one_of(table, name, what) do
    with :error <- if(is_atom(name), do: Keyword.fetch(table, name), else: :error) do
      not_a("#{what} (#{Enum.map_join(table, ", ", &inspect(elem(&1, 0)))})", name)
    end
  end

  defp not_a(allowed, value), do: {:error, "expected #{allowed}, got: #{inspect(value)}"}

  ## Files

  defp file_option({:mode, mode}) when mode in 0..0o777, do: {:ok, {:mode, mode}}
  defp file_option({:timestamp, :utc}), do: {:ok, :timestamp}
  defp file_option({:timestamp, none}) when none in [:none, nil, false], do: {:ok, []}
  defp file_option({:skip_empty, flag}) when is_boolean(flag), do: {:ok, flag(:skip_empty, flag)}
  defp file_option({:rotate, options}) when is_list(options), do: all(options, &rotation/1)
  defp file_option({:sync, sync}) when sync in [:none, :line, :interval], do: {:ok, {:sync, sync}}

  defp file_option({:prefix, prefix}) do
    with :ok <- text(prefix, "the :prefix of a file, text"), do: {:ok, {:prefix, prefix}}
  end

  defp file_option({:policy, _policy} = option), do: policy(option)

  defp file_option(other) do
    not_a(
      "of a file the options :rotate (a list of :size, :keep, :every, :at_start, :compress), " <>
        ":timestamp (:utc or :none), :prefix, :skip_empty, :mode (0 to 0o777), " <>
        ":sync (:none, :line or :interval) and :policy (:drop or :block)",
      other
    )
  end

  defp flag(name, true), do: name
  defp flag(_name, false), do: []

  defp policy({:policy, :drop}), do: {:ok, []}
  defp policy({:policy, :block}), do: {:ok, :block}
  defp policy(other), do: not_a(":policy to be :drop or :block", other)

  defp rotation({:size, size}) do
    case Values.bytes(size) do
      {:ok, bytes} -> {:ok, {:size, bytes}}
      :error -> not_a("the :size of a file, bytes such as 1_000_000 or \"10M\"", size)
    end
  end

  defp rotation({:keep, :all}), do: {:ok, []}
  defp rotation({:keep, number}) when number in 0..@most_kept, do: {:ok, {:keep, number}}
  defp rotation({:every, :day}), do: {:ok, {:every, 86_400}}
  defp rotation({:every, :hour}), do: {:ok, {:every, 3_600}}
  defp rotation({:every, seconds}) when seconds in 1..@most, do: {:ok, {:every, seconds}}
  defp rotation({:at_start, flag}) when is_boolean(flag), do: {:ok, flag(:at_start, flag)}
  defp rotation({:compress, flag}) when is_boolean(flag), do: {:ok, flag(:gzip, flag)}
  defp rotation({:compress, :gzip}), do: {:ok, :gzip}

  defp rotation(other) do
    not_a(
      "of :rotate the options :size (bytes), :keep (a number or :all), " <>
        ":every (:day, :hour or seconds), :at_start (a boolean) and :compress (a boolean or :gzip)",
      other
    )
  end

  ## Syslog

  defp syslog_option({:socket, path}) do
    with :ok <- text(path, "the :socket of :syslog, a path"), do: {:ok, {:socket, path}}
  end

  defp syslog_option({:policy, _policy} = option), do: policy(option)
  defp syslog_option(other), do: not_a("of :syslog the options :socket and :policy", other)

  ## Commands

  defp command(program, args, opts) do
    case Keyword.keyword?(opts) && Enum.find(@taken, &Keyword.has_key?(opts, &1)) do
      false -> not_a("options of :command", opts)
      nil -> check_command(program, args, opts)
      key -> not_a("of :command no option #{inspect(key)}", opts[key])
    end
  end

  # What it finds on this machine is asked again when it is started.
  defp check_command(program, args, opts) do
    _command_or_error = Command.new(:start, program, args, opts)
    {:ok, {:command, program, args, opts}}
  rescue
    error in ArgumentError -> {:error, Exception.message(error)}
  end

  ## The sink program

  @doc "Whether the sink program writes to it."
  @spec ours?(t) :: boolean
  def ours?(spec), do: is_tuple(spec) and elem(spec, 0) in [:file, :syslog, :fd]

  @doc "Its words for the sink program. A relative path is meant from `cd`."
  @spec words(t, binary) :: [binary]
  def words({:file, path, opts}, cd),
    do: ["file=" <> Path.expand(path, cd) | Enum.flat_map(List.flatten(opts), &word/1)]

  def words({:syslog, ident, priority, opts}, _cd),
    do: ["syslog=" <> ident, "priority=#{priority}" | Enum.flat_map(List.flatten(opts), &word/1)]

  def words({:fd, fd}, _cd), do: ["fd=#{fd}"]

  defp word({:mode, mode}), do: ["mode=" <> Integer.to_string(mode, 8)]
  defp word({name, value}), do: ["#{name}=#{value}"]
  defp word(flag), do: [Atom.to_string(flag)]
end
