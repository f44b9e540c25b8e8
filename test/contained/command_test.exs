defmodule Contained.CommandTest do
  use Contained.Case, async: true

  alias Contained.{Command, Error}

  defp command(kind \\ :cmd, opts) do
    {:ok, command} = Command.new(kind, "/bin/echo", ["hi"], opts)
    command
  end

  defp spec(kind \\ :cmd, opts), do: command(kind, opts).spec

  test "the least that is sent" do
    assert spec([]) == %{
             program: "/bin/echo",
             args: ["/bin/echo", "hi"],
             stdin: :open,
             stdout: :pipe,
             stderr: :inherit
           }
  end

  test "what the others begin with" do
    assert %{stdin: :null, stdout: :pipe, stderr: :pipe} = spec(:run, [])
    assert %{stdin: :open, stderr: :inherit} = spec(:stream, [])
    assert %{stdin: :pipe, stderr: :inherit} = spec(:start, [])
  end

  test "a relative name is looked for by the child, in the VM's PATH" do
    {:ok, command} = Command.new(:cmd, "true", [], into: [])
    assert %{program: "true", args: ["true"]} = command.spec
    assert command.spec.path == System.get_env("PATH")
    assert command.call == {"true", [], [into: []]}
  end

  test "a relative name is sent as the path it was found at where a failure is to have no effect" do
    path = System.find_executable("true")

    for {kind, opts} <- [cmd: [into: IO.stream()], stream: [], start: []] do
      {:ok, %{spec: spec}} = Command.new(kind, "true", [], opts)
      assert %{program: ^path, args: [^path]} = spec
      refute Map.has_key?(spec, :path)
    end

    {:ok, %{spec: spec}} = Command.new(:cmd, "true", [], arg0: "true")
    assert %{program: ^path, args: ["true"]} = spec
  end

  test "arg0, also empty" do
    assert spec(arg0: "me").args == ["me", "hi"]
    assert spec(arg0: "").args == ["", "hi"]
  end

  test "a relative cd is meant from the directory of the VM" do
    assert spec(cd: "/x").cd == "/x"
    assert spec(cd: "x/y").cd == Path.join(File.cwd!(), "x/y")
  end

  test "an empty cd is no directory" do
    assert Command.new(:cmd, "/bin/echo", [], cd: "") ==
             {:error, %Error{reason: :enoent, stage: :chdir, subject: ""}}
  end

  test "values are passed on" do
    opts = [
      env: %{"A" => nil},
      clear_env: true,
      window: 5,
      timeout: 6,
      max_output: 7,
      signal_to: :leader,
      linger: :leave
    ]

    assert Map.take(spec(opts), Keyword.keys(opts)) == Map.new(opts, &env_as_list/1)
  end

  test "variables are kept from an environment that is cleared" do
    opts = [clear_env: true, keep_env: ["HOME", "NOT_SET"], env: [{"A", "1"}]]
    assert spec(opts).env == [{"HOME", System.get_env("HOME")}, {"A", "1"}]

    assert_raise ArgumentError, ~s(cannot use "keep_env" without "clear_env: true"), fn ->
      command(keep_env: ["HOME"])
    end
  end

  defp env_as_list({:env, env}), do: {:env, Enum.to_list(env)}
  defp env_as_list(other), do: other

  describe "standard streams" do
    test "stdin" do
      assert spec(stdin: :null).stdin == :null
      assert spec(stdin: :inherit).stdin == :inherit
      assert spec(input: "x").stdin == :pipe
      assert command(input: "x").input == {:iodata, "x"}
      {:ok, shell} = Command.shell("cat", close_stdin: true)
      assert shell.spec.stdin == :null
    end

    test "stderr" do
      assert spec(stderr: :discard).stderr == :null
      assert spec(stderr: :stdout).stderr == :stdout
      assert spec(stderr_to_stdout: true).stderr == :stdout
      assert spec(stderr_to_stdout: false).stderr == :inherit
      assert spec(:stream, stderr: :capture).stderr == :pipe
    end

    test "capture_stderr_only, which wins over stderr_to_stdout" do
      for opts <- [[], [stderr_to_stdout: true]] do
        assert %{stdout: :null, stderr: :pipe} = spec([capture_stderr_only: true] ++ opts)
      end
    end

    test "use_stdio: false" do
      assert %{stdin: :inherit, stdout: :inherit, stderr: :inherit} = spec(use_stdio: false)
    end

    test "where the streams are collected" do
      assert %{into: "", stderr_into: nil} = command([])
      assert %{into: [], stderr_into: nil} = command(into: [], capture_stderr_only: true)
      assert %{into: "", stderr_into: ""} = command(:run, [])
      assert %{into: "", stderr_into: []} = command(:run, stderr: {:into, []})
      assert %{into: "", stderr_into: nil} = command(:run, stderr: :discard)
    end
  end

  test "options that exclude each other" do
    for {opts, message} <- [
          {[use_stdio: false, stderr_to_stdout: true],
           ~S(cannot use "stderr_to_stdout: true" and "use_stdio: false")},
          {[use_stdio: nil, capture_stderr_only: true],
           ~S(cannot use "capture_stderr_only: true" and "use_stdio: false")},
          {[input: "x", use_stdio: false], ~S(cannot use "input" and "use_stdio: false")},
          {[input: "x", stdin: :null], ~S(cannot use "input" and "stdin: :null")},
          {[stderr: :discard, stderr_to_stdout: true],
           ~S(cannot use "stderr: :discard" and "stderr_to_stdout: true")},
          {[stderr: :inherit, capture_stderr_only: true],
           ~S(cannot use "stderr: :inherit" and "capture_stderr_only: true")}
        ] do
      assert_raise ArgumentError, message, fn -> command(opts) end
    end

    assert_raise ArgumentError, ~S(cannot use "input" and "close_stdin: true"), fn ->
      Command.shell("cat", input: "x", close_stdin: true)
    end
  end

  describe "how it is stopped" do
    test "the default ladder is the port program's own" do
      refute Map.has_key?(spec([]), :stop)
      refute Map.has_key?(spec(stop_signal: :term, delay_to_sigkill: 500), :stop)
    end

    test "signal and delay make a ladder" do
      assert spec(delay_to_sigkill: 10).stop == [{15, 10}]
      assert spec(stop_signal: :int).stop == [{2, 500}]
      assert spec(stop_signal: :int, delay_to_sigkill: 10).stop == [{2, 10}]
      assert spec(stop_signal: :kill).stop == []
    end

    test "in a ladder, the delay is for rungs without a time" do
      assert spec(stop_signal: [{:term, 2_000}, :int, :kill], delay_to_sigkill: 7).stop ==
               [{15, 2_000}, {2, 7}]
    end

    test "the caller waits longer than the command may take, and only with a timeout" do
      assert command([]).deadline == :infinity
      assert command(timeout: 100).deadline == 100 + 500 + 2_000
      assert command(timeout: 100, stop_signal: [term: 10, int: 20]).deadline == 2_130
      huge = [timeout: 4_000_000_000, delay_to_sigkill: 4_000_000_000]
      assert command(huge).deadline == 0xFFFFFFFF
    end
  end

  test "launcher, lines and the exit of a stream" do
    assert %{launcher: Contained.Launcher, lines: false, yield_exit: false} = command([])
    assert %{launcher: :dedicated, lines: true} = command(launcher: :dedicated, lines: 80)
    assert command(:stream, yield_exit: true).yield_exit
  end

  describe "shell/2" do
    test "is a list for /bin/sh, with an end of line against comments" do
      {:ok, command} = Command.shell("echo hi # comment", [])
      assert command.spec.program == "sh"
      assert command.spec.path == System.get_env("PATH")
      assert command.spec.args == ["sh", "-c", "(echo hi # comment\n)"]
    end

    test "takes nothing for success" do
      for line <- ["", " \t\n"] do
        {:ok, command} = Command.shell(line, [])
        assert List.last(command.spec.args) == "(:\n)"
      end
    end
  end

  describe "the order of checks" do
    defp prepare(program, args, opts), do: Command.new(:cmd, program, args, opts)

    test "a null byte in the program comes first" do
      message =
        "cannot execute Contained.cmd/3 for program with null byte, got: " <>
          inspect("null\0byte")

      assert_raise ArgumentError, message, fn -> prepare("null\0byte", [:a], foo: 1) end

      assert_raise ArgumentError, ~r"cannot execute Contained.shell/2 for program with", fn ->
        Command.shell("a\0", [])
      end
    end

    test "then the arguments" do
      message = "all arguments for Contained.cmd/3 must be binaries"
      assert_raise ArgumentError, message, fn -> prepare("no-such", ["a", :b], foo: 1) end

      message = "cannot execute Contained.cmd/3 with a null byte in an argument, got: \"a\\0\""
      assert_raise ArgumentError, message, fn -> prepare("no-such", ["a\0"], foo: 1) end
    end

    test "then the look-up of a relative name" do
      expected = {:error, %Error{reason: :enoent, stage: :exec, subject: "no-such"}}
      assert prepare("no-such", [], foo: 1) == expected
      assert prepare("no-such", [], nil) == expected
      assert {:error, %Error{reason: :enoent}} = prepare("", [], [])
    end

    test "then the options, before an absolute path is looked at" do
      message = "invalid option :foo with value 1"
      assert_raise ArgumentError, message, fn -> prepare("/no/such", [], foo: 1) end
      assert {:ok, command} = Command.new(:stream, "/no/such", [], [])

      assert Command.check(command) ==
               {:error, %Error{reason: :enoent, stage: :exec, subject: "/no/such"}}

      assert {:ok, command} = prepare("/no/such", [], [])
      assert Command.check(command) == :ok
    end
  end
end
