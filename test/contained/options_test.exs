defmodule Contained.OptionsTest do
  use ExUnit.Case, async: true

  alias Contained.Options

  @kinds [:cmd, :shell, :run, :stream, :start]

  defp refused(kind \\ :cmd, opts, message) do
    assert_raise ArgumentError, message, fn -> Options.parse!(kind, opts) end
  end

  test "nothing given, nothing set" do
    for kind <- @kinds, do: assert(Options.parse!(kind, []) == %{})
  end

  test "the last of an option given twice counts, also under another name" do
    assert Options.parse!(:cmd, cd: "/a", cd: "/b") == %{cd: "/b"}
    assert Options.parse!(:cmd, window: 1, stdio_window: 2) == %{window: 2}
    assert Options.parse!(:cmd, input: "x", input: nil) == %{}
    assert Options.parse!(:cmd, timeout: 5, timeout: :infinity) == %{}
  end

  test "options are checked from left to right" do
    refused([foo: 1, cd: 2], "invalid option :foo with value 1")
    refused([cd: 2, foo: 1], "invalid option :cd with value 2")
  end

  test "unknown options, in the words of System.cmd/3" do
    for kind <- @kinds do
      refused(kind, [foo: 1], "invalid option :foo with value 1")
      refused(kind, [{"cd", "/"}], "invalid option \"cd\" with value \"/\"")
    end
  end

  test "an option of another kind is unknown" do
    refused(:cmd, [yield_exit: true], "invalid option :yield_exit with value true")
    refused(:cmd, [close_stdin: true], "invalid option :close_stdin with value true")
    refused(:run, [use_stdio: false], "invalid option :use_stdio with value false")
    refused(:stream, [into: []], "invalid option :into with value []")
    refused(:start, [lines: 1], "invalid option :lines with value 1")
    refused(:cmd, [orphans: true], "invalid option :orphans with value true")
  end

  test "ill-typed options of System.cmd/3, in its words" do
    for {name, value} <- [
          cd: 1,
          cd: ~c"/",
          arg0: :a,
          stderr_to_stdout: nil,
          stderr_to_stdout: 1,
          parallelism: "yes",
          lines: 0,
          lines: -1,
          lines: true,
          lines: "80"
        ] do
      refused([{name, value}], "invalid option #{inspect(name)} with value #{inspect(value)}")
    end

    refused(:shell, [close_stdin: 1], "invalid option :close_stdin with value 1")
  end

  test "no list of pairs" do
    for opts <- [nil, %{cd: "/"}, [:cd], "cd", [{:cd}]] do
      assert_raise FunctionClauseError, fn -> Options.parse!(:cmd, opts) end
    end
  end

  test "null bytes" do
    refused([cd: "/a\0b"], ~S(option :cd has a null byte, got: "/a\0b"))
    refused([arg0: "\0"], ~S(option :arg0 has a null byte, got: "\0"))
  end

  test "use_stdio goes by truth" do
    assert Options.parse!(:cmd, use_stdio: nil) == %{use_stdio: false}
    assert Options.parse!(:cmd, use_stdio: :yes) == %{use_stdio: true}
  end

  test "our own options say what is allowed" do
    for {name, value, allowed} <- [
          {:timeout, 0, "milliseconds from 1 to 4000000000, or :infinity"},
          {:timeout, 4_000_000_001, "milliseconds from 1 to 4000000000, or :infinity"},
          {:timeout, 1.5, "milliseconds from 1 to 4000000000, or :infinity"},
          {:delay_to_sigkill, -1, "an integer from 0 to 4000000000"},
          {:window, 0, "an integer from 1 to 1073741824"},
          {:stdio_window, 1_073_741_825, "an integer from 1 to 1073741824"},
          {:max_output, 0, "an integer from 1 to 576460752303423487"},
          {:signal_to, :both, "one of :all, :leader"},
          {:linger, true, "one of :wait, :kill, :leave"},
          {:stdin, :pipe, "one of :open, :null, :inherit"},
          {:stderr, :capture, "one of :inherit, :stdout, :discard"},
          {:stderr, {:into, []}, "one of :inherit, :stdout, :discard"},
          {:capture_stderr_only, 1, "true or false"},
          {:clear_env, nil, "true or false"},
          {:keep_env, ["A=B"], "a list of names of environment variables"},
          {:launcher, nil, "the name or pid of a launcher, or :dedicated"},
          {:launcher, "name", "the name or pid of a launcher, or :dedicated"}
        ] do
      refused([{name, value}], message(name, value, allowed))
    end
  end

  defp message(name, value, allowed) do
    "invalid value for option #{inspect(name)}: expected #{allowed}, got: #{inspect(value)}"
  end

  test "what only some kinds take" do
    for kind <- [:run, :start],
        do: assert(Options.parse!(kind, orphans: true) == %{orphans: true})

    refused(:run, [orphans: 1], message(:orphans, 1, "true or false"))
    assert Options.parse!(:start, stdin: :pipe) == %{stdin: :pipe}
    assert Options.parse!(:stream, stderr: :capture) == %{stderr: :capture}
    assert Options.parse!(:run, stderr: {:into, []}) == %{stderr: {:into, []}}

    allowed = "one of :inherit, :stdout, :discard, :capture, {:into, collectable}"
    refused(:run, [stderr: 1], message(:stderr, 1, allowed))
  end

  describe "input" do
    test "iodata" do
      for data <- ["", "x", [], ["a", [?b | "c"]]] do
        assert Options.parse!(:cmd, input: data) == %{input: {:iodata, data}}
      end
    end

    test "enumerables" do
      stream = Stream.map(1..2, &to_string/1)
      assert Options.parse!(:cmd, input: stream) == %{input: {:enum, stream}}
      assert %{input: {:enum, _}} = Options.parse!(:run, input: MapSet.new(["a"]))
    end

    test "anything else" do
      for wrong <- [:atom, 1, {:a, :b}, [:a], [1000], ["a" | :b], self()] do
        refused([input: wrong], message(:input, wrong, "iodata or an enumerable of iodata"))
      end
    end
  end

  describe "stop_signal" do
    defp ladder(value), do: Options.parse!(:cmd, stop_signal: value).stop_signal

    test "one signal" do
      assert ladder(:int) == [2]
      assert ladder(:sigquit) == [3]
      assert ladder(64) == [64]
      assert ladder(:kill) == []
    end

    test "a ladder" do
      assert ladder([{:term, 2_000}, {:int, 500}, :kill]) == [{15, 2_000}, {2, 500}]
      assert ladder([:term, {9, 10}]) == [15, {9, 10}]
      assert ladder([]) == []
    end

    test "anything else" do
      allowed =
        "a signal such as :term, or at most 16 signals with times such as [{:term, 500}, :kill]"

      for wrong <-
            [:nope, 0, 65, nil, "term", [{:term, -1}], [{:term}], [:nope], {:term, 1}] ++
              [List.duplicate(:term, 17)] do
        refused([stop_signal: wrong], message(:stop_signal, wrong, allowed))
      end
    end
  end

  test "launchers" do
    for launcher <- [Some.Name, self(), {:global, :x}, {:via, Registry, :x}, :dedicated] do
      assert Options.parse!(:cmd, launcher: launcher) == %{launcher: launcher}
    end
  end

  test "the documentation names every option of the kind, with its default" do
    docs = Options.docs(:cmd)

    assert docs =~
             "  * `:into` - injects the output into the given collectable. Defaults to `\"\"`"

    assert docs =~ "`:delay_to_sigkill`"
    assert docs =~ "Defaults to `:open`"
    refute docs =~ "`:yield_exit`"
    assert Options.docs(:run) =~ "Defaults to `:null`"
    assert Options.docs(:shell) =~ "`:close_stdin` - "
  end

  test "the type names every option of the kind" do
    for kind <- @kinds do
      names = Regex.scan(~r/^  \* `:(\w+)`/m, Options.docs(kind), capture: :all_but_first)
      type = Macro.to_string(Options.typespec(kind))
      for [name] <- names, do: assert(type =~ "#{name}")
    end

    assert Macro.to_string(Options.typespec(:stream)) =~ "{:yield_exit, boolean}"
  end
end
