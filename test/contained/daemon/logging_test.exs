defmodule Contained.Daemon.LoggingTest do
  # The level of Logger is everybody's.
  use ExUnit.Case, async: false

  @moduletag :capture_log

  alias Contained.Daemon.Logging

  # Sends what Logger was given to the process that the metadata names.
  defmodule Handler do
    def log(%{meta: %{test: pid}} = event, _config), do: send(pid, {:logged, event})
    def log(_event, _config), do: :ok
  end

  setup_all do
    :ok = :logger.add_handler(__MODULE__, Handler, %{level: :all})
    on_exit(fn -> :logger.remove_handler(__MODULE__) end)
  end

  defp logging(opts), do: Logging.new([logger_metadata: [test: self()]] ++ opts)

  defp logged do
    assert_receive {:logged, %{level: level, msg: {:string, text}, meta: meta}}
    {level, IO.iodata_to_binary(text), meta}
  end

  test "nothing is made of nothing" do
    assert Logging.new([]) == nil
    assert Logging.new(log_prefix: "x", logger_metadata: [a: 1]) == nil
    assert Logging.log(nil, :stdout, "line") == :ok
    refute Logging.wants?(nil, :stdout)
  end

  test "a line at the level, behind the command's name" do
    :ok = logging(log_output: :error, command: "ls") |> Logging.log(:stdout, "a file")
    assert {:error, "ls: a file", _meta} = logged()
  end

  test "a prefix of the user's" do
    logging(log_output: :error, command: "ls", log_prefix: "") |> Logging.log(:stdout, "x")
    assert {:error, "x", _meta} = logged()
  end

  test "the metadata tells the command, its arguments, the stream and what the user adds" do
    logging(log_output: :error, command: "ls", args: ["-l"]) |> Logging.log(:stderr, "x")
    assert {_level, _text, meta} = logged()

    assert %{contained_command: "ls", contained_args: ["-l"], contained_stream: :stderr} = meta
    assert :contained in meta.domain
    assert meta.test == self()
  end

  test "a level for each stream, none for others" do
    logging = logging(log_output: [stdout: :warn, stderr: :critical], command: "c")
    Logging.log(logging, :stdout, "out")
    Logging.log(logging, :stderr, "err")
    assert {:warning, "c: out", _} = logged()
    assert {:critical, "c: err", _} = logged()

    only = logging(log_output: [stderr: :error], command: "c")
    assert Logging.wants?(only, :stderr)
    refute Logging.wants?(only, :stdout)
    Logging.log(only, :stdout, "out")
    Logging.log(only, :stderr, "err")
    assert {:error, "c: err", _} = logged()
  end

  test "a line that no handler would see is not transformed" do
    transform = fn _line -> flunk("not wanted") end
    logging = logging(log_output: :debug, command: "c", log_transform: transform)

    level = Logger.level()
    Logger.configure(level: :info)
    on_exit(fn -> Logger.configure(level: level) end)
    assert Logging.log(logging, :stdout, "line") == :ok
  end

  test "the transformation is given the line and may return iodata" do
    transform = fn line -> ["<", String.upcase(line), ">"] end

    logging(log_output: :error, log_prefix: "", log_transform: transform)
    |> Logging.log(:stdout, "a")

    assert {:error, "<A>", _} = logged()
  end

  test "what is not UTF-8 is made so, also what a transformation returns" do
    logging(log_output: :error, log_prefix: "") |> Logging.log(:stdout, "a\xFF")
    assert {:error, "a\uFFFD", _} = logged()

    transform = fn _line -> "\xFE" end

    logging(log_output: :error, log_prefix: "", log_transform: transform)
    |> Logging.log(:stdout, "a")

    assert {:error, "\uFFFD", _} = logged()
  end

  test "a function in the place of Logger is given the line as it is" do
    me = self()

    for fun <- [&send(me, {:line, &1}), {__MODULE__, :tell, [me]}] do
      logging = logging(log_output: :error, logger_fun: fun, log_prefix: "not used")
      assert Logging.wants?(logging, :stdout)
      assert Logging.log(logging, :stdout, "\xFF") == :ok
      assert_receive {:line, "\xFF"}
    end

    refute_received {:logged, _}
    assert Logging.log(Logging.new(logger_fun: {String, :upcase}), :stdout, "x") == :ok
  end

  def tell(line, pid), do: send(pid, {:line, line})

  test "what the options may be" do
    for ok <- [nil, :info, :warn, [stdout: :info], [stdout: :info, stderr: :error]],
        do: assert(Logging.levels?(ok))

    for wrong <- [:loud, "info", [], [stdin: :info], [stdout: :loud], [:info], %{}],
        do: refute(Logging.levels?(wrong))

    for ok <- [&IO.puts/1, {IO, :puts}, {IO, :puts, []}], do: assert(Logging.fun?(ok))

    for wrong <- [&IO.puts/2, IO, {IO, "puts"}, {IO, :puts, 1}, nil],
        do: refute(Logging.fun?(wrong))
  end
end
