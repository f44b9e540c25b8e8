defmodule Contained.Job.Options do
  @moduledoc false
  # The options that a job has beside those of a command: their documentation, and the flags of the program
  # `contained` that they are.

  # What a keeper cannot have: streams of the VM, its launchers, and processes that are told of what happens.
  @not_here [:stdin, :input, :stderr, :stderr_to_stdout, :fds, :window, :stdio_window] ++
              [:max_output, :launcher, :container, :orphans, :pty]

  @rows [
    log:
      {"a path, true or false",
       "where its output goes: a path, `false` for nowhere, or `true` (the default) for\n" <>
         "`<log directory>/<namespace>/<name>.log`. A log that is there is set aside when the job starts"},
    keep:
      {"a number of files",
       "how many logs of earlier runs, of `:max_size` or of `:log_every`, are kept (default `5`)"},
    max_size:
      {~s(bytes, or text such as "10M"),
       "bytes, or text such as `\"10M\"`, after which a log is set aside; `0` for none (default `\"64M\"`)"},
    log_every:
      {":day, :hour or a number of seconds",
       "`:day`, `:hour` or seconds: a log is set aside when so much time since 1970 begins anew (default: never)"},
    log_gzip:
      {"true or false", "whether logs that are set aside are compressed (default `false`)"},
    log_timestamp:
      {"true or false", "whether each line begins with the time, in UTC (default `false`)"},
    log_block:
      {"true or false",
       "what becomes of output while the log cannot be written, as on a full disk: the job is held (`true`),\n" <>
         "or it is dropped and counted, `:log_dropped` of the usage (`false`, the default)"},
    on_exit:
      {"a line for sh",
       "a line for `sh`, run when all of the job has ended, with `CONTAINED_NAMESPACE`, `CONTAINED_NAME`, `CONTAINED_STATUS`,\n" <>
         "`CONTAINED_SIGNAL` and `CONTAINED_REASON` in its environment"}
  ]

  @doc "Options of a command that a job does not take."
  @spec not_here() :: [atom]
  def not_here, do: @not_here

  @doc "The job's own, in the order of their documentation."
  @spec own() :: [atom]
  def own, do: Keyword.keys(@rows)

  @doc "Items of a list, as they stand in `Contained.Job.run/4`."
  @spec docs() :: binary
  def docs do
    Enum.map_join(@rows, "\n", fn {name, {_allowed, text}} ->
      "  * `:#{name}` - " <> String.replace(text, "\n", "\n    ")
    end)
  end

  @doc "The flags that the job's own options are, and the options of its command. Raises `ArgumentError`."
  @spec split!(keyword) :: {[binary], keyword}
  def split!(opts) do
    {own, opts} = Keyword.split(opts, own())
    Enum.each(opts, &refuse!/1)
    {Enum.flat_map(own, &flag/1), opts}
  end

  defp refuse!({:linger, :leave}),
    do: invalid!(:linger, :leave, ":kill or :wait, since nobody would end what is left")

  defp refuse!({key, value}) when key in @not_here do
    raise ArgumentError, "invalid option #{inspect(key)} with value #{inspect(value)} for a job"
  end

  defp refuse!(_of_command), do: :ok

  defp flag({:log, true}), do: []
  defp flag({:log, false}), do: ["--no-log"]

  defp flag({:log, path}) when is_binary(path) and path != "",
    do: ["--log", path |> clean!(:log) |> Path.expand()]

  defp flag({:on_exit, line}) when is_binary(line), do: ["--on-exit", clean!(line, :on_exit)]
  defp flag({:keep, count}) when count in 0..0x7FFFFFFF//1, do: ["--keep", "#{count}"]
  defp flag({:log_every, :day}), do: ["--log-every", "1d"]
  defp flag({:log_every, :hour}), do: ["--log-every", "1h"]

  defp flag({:log_every, seconds}) when seconds in 1..0x7FFFFFFF//1,
    do: ["--log-every", "#{seconds}s"]

  defp flag({:log_gzip, flag}) when is_boolean(flag), do: switch("--log-gzip", flag)
  defp flag({:log_timestamp, flag}) when is_boolean(flag), do: switch("--log-timestamp", flag)
  defp flag({:log_block, flag}) when is_boolean(flag), do: switch("--log-block", flag)
  defp flag({:max_size, 0}), do: ["--log-size", "0"]

  defp flag({:max_size, size}) do
    case Contained.Options.Values.bytes(size) do
      {:ok, bytes} -> ["--log-size", "#{bytes}"]
      :error -> invalid!(:max_size, size)
    end
  end

  defp flag({key, value}), do: invalid!(key, value)

  defp switch(flag, true), do: [flag]
  defp switch(_flag, false), do: []

  # It would be cut there.
  defp clean!(text, key) do
    if :binary.match(text, "\0") == :nomatch, do: text, else: invalid!(key, text, "no null byte")
  end

  defp invalid!(key, value), do: invalid!(key, value, elem(@rows[key], 0))

  defp invalid!(key, value, allowed) do
    raise ArgumentError,
          "invalid value for option #{inspect(key)}: expected #{allowed}, got: #{inspect(value)}"
  end
end
