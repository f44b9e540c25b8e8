defmodule Contained.BadInputTest do
  # What cannot be run is said at once and exactly, by each function in its way, and the next
  # command works. What one option takes is for the unit tests.
  use Contained.Case, async: false

  alias Contained.{Error, Launcher}

  @moduletag :port

  setup do
    dir = tmp_dir()
    %{dir: dir, good: script(dir, "good", "#!/bin/sh\necho good\n")}
  end

  # Of every function that starts a program: the same.
  @functions [:cmd, :run, :stream, :start]

  defp message(exception, fun), do: Exception.message(assert_raise(exception, fun))

  describe "arguments that no program can have" do
    test "null bytes" do
      for name <- @functions do
        call = &message(ArgumentError, fn -> apply(Contained, name, &1) end)

        assert call.(["a\0b", []]) ==
                 "cannot execute Contained.#{name}/3 for program with null byte, got: #{inspect("a\0b")}"

        assert call.(["echo", ["x", "a\0b"]]) ==
                 "cannot execute Contained.#{name}/3 with a null byte in an argument, got: \"a\\0b\""

        for option <- [:arg0, :cd] do
          assert call.(["echo", [], [{option, "a\0b"}]]) ==
                   "option #{inspect(option)} has a null byte, got: \"a\\0b\""
        end

        assert call.(["echo", [], [env: [{"A", "a\0b"}]]]) ==
                 "invalid value of environment variable \"A\", it has a null byte: \"a\\0b\""
      end
    end

    test "no binaries" do
      for name <- @functions, arg <- [:a, 1, nil, ~c"a", ["a"], <<1::1>>] do
        assert message(ArgumentError, fn -> apply(Contained, name, ["echo", [arg]]) end) ==
                 "all arguments for Contained.#{name}/3 must be binaries"
      end

      for name <- @functions, args <- [[:echo, []], ["echo", "x"], [~c"echo", []], [nil, []]] do
        assert_raise FunctionClauseError, fn -> apply(Contained, name, args) end
      end
    end

    test "an improper list" do
      assert_raise FunctionClauseError, fn -> apply(Contained, :cmd, ["echo", ["x" | "y"]]) end
    end

    test "options that nobody knows, in System's words" do
      for name <- @functions do
        assert message(ArgumentError, fn -> apply(Contained, name, ["echo", [], [foo: 1]]) end) ==
                 "invalid option :foo with value 1"
      end
    end
  end

  describe "a program that cannot be run" do
    defp unusable(dir) do
      loop = Path.join(dir, "loop")
      File.ln_s!(loop, loop)

      [
        {Path.join(dir, "missing"), :enoent, "no such file or directory (:enoent)"},
        {script(dir, "plain", "", 0o644), :eacces, "permission denied (:eacces)"},
        {dir, :eacces, "permission denied (:eacces)"},
        {script(dir, "bad", "#!/no/such\n"), :enoent, "no such file or directory (:enoent)"},
        {script(dir, "to_dir", "#!#{dir}\n"), :eacces, "permission denied (:eacces)"},
        {script(dir, "none", "echo hi\n"), :enoexec, "exec format error (:enoexec)"},
        {script(dir, "empty", ""), :enoexec, "exec format error (:enoexec)"},
        {script(dir, "elf", "\x7fELF" <> <<0::800>>), :enoexec, "exec format error (:enoexec)"},
        {Path.join([dir, "plain", "x"]), :enotdir, "not a directory (:enotdir)"},
        {loop, :eloop, "too many levels of symbolic links (:eloop)"}
      ]
    end

    test "is told by run and start as an error that names it", %{dir: dir} do
      for {path, reason, text} <- unusable(dir), name <- [:run, :start] do
        assert {:error, error} = apply(Contained, name, [path, []])
        assert %Error{reason: ^reason, stage: :exec, subject: ^path, result: nil} = error
        assert Exception.message(error) =~ ~r/^cannot execute "#{Regex.escape(path)}": /
        assert Exception.message(error) =~ text
      end
    end

    test "is raised by cmd as its POSIX reason, by stream as the error", %{dir: dir} do
      for {path, reason, text} <- unusable(dir) do
        assert catch_error(Contained.cmd(path, [])) == reason
        stream = fn -> path |> Contained.stream([]) |> Enum.to_list() end
        assert message(Error, stream) =~ text
      end
    end

    test "a name that is not in PATH" do
      expected =
        "cannot execute \"no-such-program\": no such file or directory (:enoent). " <>
          "Look for it in PATH, or give an absolute path"

      assert {:error, error} = Contained.run("no-such-program", [])
      assert Exception.message(error) == expected
      assert message(Error, fn -> Contained.stream("no-such-program", []) end) == expected
      assert catch_error(Contained.cmd("no-such-program", [])) == :enoent
    end

    test "a program that is being written is busy, not broken", %{dir: dir} do
      path = Path.join(dir, "busy")
      File.cp!(System.find_executable("true"), path)
      {:ok, file} = File.open(path, [:append])
      assert {:error, %Error{reason: :etxtbsy, stage: :exec}} = Contained.run(path, [])
      File.close(file)
      assert {:ok, %{status: 0}} = Contained.run(path, [])
    end
  end

  describe "a directory that cannot be used" do
    test "missing, a file, empty, too long", %{good: good, dir: dir} do
      gone = Path.join(dir, "gone")
      long = "/" <> String.duplicate("x", 300)

      for {cd, reason} <- [
            {gone, :enoent},
            {good, :enotdir},
            {"", :enoent},
            {long, :enametoolong}
          ] do
        assert {:error, error} = Contained.run(good, [], cd: cd)
        assert %Error{reason: ^reason, stage: :chdir, subject: ^cd} = error
        assert Exception.message(error) =~ "Check the :cd option"
        assert catch_error(Contained.cmd(good, [], cd: cd)) == reason
        assert {:error, %Error{reason: ^reason}} = Contained.start(good, [], cd: cd)
      end
    end
  end

  describe "arguments and environment" do
    defp count(args, opts \\ []) do
      Contained.cmd("sh", ["-c", "echo $#; printf %s \"$@\" | wc -c", "sh" | args], opts)
    end

    test "of 1 MB in all arrive" do
      args = List.duplicate(String.duplicate("x", 10_000), 100)
      assert count(args) == {"100\n1000000\n", 0}
      assert count(List.duplicate("x", 50_000)) == {"50000\n50000\n", 0}

      assert {"100000\n", 0} =
               Contained.cmd("sh", ["-c", "printf %s $X | wc -c"], env: big(100_000))
    end

    defp big(size), do: [{"X", String.duplicate("x", size)}]

    test "erlexec 3: of 70 KB arrive as they are, and so does as much input" do
      big = Enum.map_join(1..10_000, &"#{&1} ") |> binary_part(0, 48_000)
      assert {output, 0} = Contained.cmd("printf", ["%s", big <> big])
      assert output == big <> big
      assert Contained.cmd("cat", [], input: big <> big) == {big <> big, 0}
    end

    # 128 KiB for one string (execve(2), MAX_ARG_STRLEN); at most 6 MiB in all, whatever the
    # limit of the stack; and 8 MiB for one request to the port program.
    test "that are too large", %{good: good} do
      one = String.duplicate("x", 128 * 1024)
      part = String.duplicate("x", 100_000)
      many = for n <- 1..70, do: {"X#{n}", part}

      for {args, opts} <- [
            {[one], []},
            {List.duplicate(part, 70), []},
            {List.duplicate(part, 90), []},
            {[], [env: [{"X", one}]]},
            {[], [env: many]},
            {[], [arg0: one]}
          ] do
        assert catch_error(Contained.cmd(good, args, opts)) == :e2big

        assert {:error, %Error{reason: :e2big, stage: :exec} = error} =
                 Contained.run(good, args, opts)

        assert error.subject == good
        assert Exception.message(error) =~ "argument list too long (:e2big)"
        assert Contained.cmd(good, []) == {"good\n", 0}
      end
    end

    test "a path that is too long", %{good: good} do
      path = "/" <> String.duplicate("x/", 3_000)
      assert catch_error(Contained.cmd(path, [])) == :enametoolong
      assert {:error, %Error{stage: :chdir} = error} = Contained.run(good, [], cd: path)
      assert error.reason == :enametoolong
    end
  end

  describe "launchers" do
    test "one that nobody has started" do
      assert {:error, error} = Contained.run("true", [], launcher: :nobody)

      assert Exception.message(error) ==
               "cannot run the command by the launcher :nobody: the launcher is not running " <>
                 "(:noproc). Start it under a supervisor, or use launcher: :dedicated"

      assert message(Error, fn -> Contained.cmd("true", [], launcher: :nobody) end) =~ ":noproc"
    end

    test "one that has ended" do
      launcher = start_supervised!({Launcher, []})
      stop_supervised!(Launcher)
      assert {:error, %Error{stage: :launcher}} = Contained.run("true", [], launcher: launcher)
    end
  end

  # None of it has harmed the launcher.
  test "the same program goes on through all of it", %{dir: dir, good: good} do
    launcher = start_supervised!({Launcher, []})
    opts = [launcher: launcher]
    assert Contained.cmd(good, [], opts) == {"good\n", 0}
    before = Contained.Measure.os_pids(launcher)
    for {path, _, _} <- unusable(dir), do: assert({:error, _} = Contained.run(path, [], opts))

    for args <- [["\0"], [:a]],
        do: assert_raise(ArgumentError, fn -> Contained.cmd(good, args, opts) end)

    assert {:error, _} = Contained.run(good, [], [cd: "/no/such"] ++ opts)
    assert Contained.cmd(good, [], opts) == {"good\n", 0}
    assert Contained.Measure.os_pids(launcher) == before
  end
end
