defmodule Contained.Daemon.Sinks.SpecTest do
  use ExUnit.Case, async: true

  alias Contained.Daemon.Sinks
  alias Contained.Daemon.Sinks.Spec

  defp words(sink) do
    assert {:ok, [spec]} = Sinks.parse(sink)
    assert Spec.ours?(spec)
    Spec.words(spec, "/var/log")
  end

  test "a file is appended to as it comes" do
    assert words({:file, "app.log"}) == ["file=/var/log/app.log"]
    assert words({:file, "/a/../b", []}) == ["file=/b"]
    assert words({:file, "~/a b=c"}) == ["file=" <> Path.expand("~/a b=c")]
  end

  test "the options of a file" do
    opts = [
      rotate: [size: "10M", keep: 5, every: :day, at_start: true, compress: true],
      timestamp: :utc,
      prefix: "x ",
      skip_empty: true,
      mode: 0o600,
      sync: :line,
      policy: :block
    ]

    assert words({:file, "/a", opts}) ==
             ~w(file=/a size=10485760 keep=5 every=86400 at_start gzip timestamp) ++
               ["prefix=x ", "skip_empty", "mode=600", "sync=line", "block"]
  end

  test "what is as by default needs no words" do
    opts = [
      rotate: [keep: :all, at_start: false, compress: false],
      timestamp: :none,
      skip_empty: false,
      policy: :drop
    ]

    assert words({:file, "/a", opts}) == ["file=/a"]

    assert words({:file, "/a", rotate: [every: :hour, compress: :gzip]}) ==
             ~w(file=/a every=3600 gzip)
  end

  test "syslog" do
    assert words({:syslog, "app", :daemon, :info}) == ~w(syslog=app priority=30)

    assert words({:syslog, "app", :local7, :err, socket: "/s", policy: :block}) ==
             ~w(syslog=app priority=187 socket=/s block)
  end

  test "descriptors, the logger and commands" do
    assert words({:fd, 2}) == ["fd=2"]
    assert Sinks.parse(:logger) == {:ok, [:logger]}
    assert Sinks.parse({:command, "cat", ["-n"]}) == {:ok, [{:command, "cat", ["-n"], []}]}
    command = {:command, "no such program", [], [cd: "/", user: "nobody"]}
    assert Sinks.parse(command) == {:ok, [command]}
  end

  test "several at once, each once" do
    assert {:ok, [{:file, "a", []}, :logger, {:fd, 1}]} =
             Sinks.parse([{:file, "a"}, :logger, {:fd, 1}, {:fd, 1}])

    assert Sinks.parse([]) == {:ok, []}
  end

  @wrong [
    {nil, "{:file, path}"},
    {{:file, :a}, "{:file, path}"},
    {{:file, ""}, "the path of a file"},
    {{:file, "a\0b"}, "without null bytes"},
    {{:fd, 3}, "{:fd, 1}"},
    {[{:fd, 1} | :logger], "a list of sinks"},
    {{:file, "a", [rotate: [size: 0]]}, "the :size of a file"},
    {{:file, "a", [rotate: [size: "10 M"]]}, "the :size of a file"},
    {{:file, "a", [rotate: [age: 1]]}, ":every (:day, :hour or seconds)"},
    {{:file, "a", [rotate: 5]}, ":rotate (a list"},
    {{:file, "a", [colour: :red]}, "of a file the options"},
    {{:file, "a", [mode: 0o1000]}, "0 to 0o777"},
    {{:file, "a", [policy: :keep]}, ":drop or :block"},
    {{:syslog, "a", :nowhere, :info}, "a facility of syslog(3) (:kern"},
    {{:syslog, "a", :user, 3}, "a level of syslog(3)"},
    {{:syslog, "", :user, :info}, "the ident of :syslog"},
    {{:command, "cat", [], [input: "x"]}, "no option :input"},
    {{:command, "cat", [], [colour: :red]}, "invalid option :colour with value :red"},
    {{:command, "cat", ["\0"], []}, "null byte"},
    {{:command, "cat", [], [1]}, "options of :command"}
  ]

  for {{sink, text}, number} <- Enum.with_index(@wrong) do
    test "what is wrong is said (#{number}: #{text})" do
      assert {:error, said} = Sinks.parse(unquote(Macro.escape(sink)))
      assert said =~ unquote(text)
    end
  end
end
