defmodule Contained.SystemCmdParityTest do
  # What System.cmd/3 and System.shell/2 do, Contained.cmd/3 and Contained.shell/2 do: each case
  # runs both. Cases named "difference" assert what was decided otherwise.
  use Contained.Case, async: false

  @moduletag :port

  # Elixir versions in which System does what a case expects.
  defp system?(since), do: Version.match?(System.version(), ">= #{since}")

  defp same(fun, since \\ "1.14.0") do
    contained = fun.(Contained)
    if system?(since), do: assert(contained == fun.(System))
    contained
  end

  defp sh(line, opts \\ [], since \\ "1.14.0"),
    do: same(& &1.cmd("sh", ["-c", line], opts), since)

  defp caught(fun) do
    fun.()
  catch
    kind, reason -> {:caught, kind, reason}
  end

  # The same exception, its message taken for the other module's.
  defp same_error(fun) do
    [system, contained] = for module <- [System, Contained], do: caught(fn -> fun.(module) end)
    assert {:caught, kind, reason} = contained
    assert {:caught, ^kind, expected} = system
    assert normal(reason) == normal(expected)
    reason
  end

  defp normal(%FunctionClauseError{} = error), do: error.__struct__
  defp normal(%{__exception__: true} = e), do: {e.__struct__, normal(Exception.message(e))}
  defp normal(text) when is_binary(text), do: String.replace(text, "System.", "Contained.")
  defp normal(other), do: other

  describe "status" do
    test "exit codes" do
      for code <- [0, 1, 7, 127, 255], do: assert(sh("exit #{code}") == {"", code})
    end

    test "signals" do
      assert sh("kill -9 $$") == {"", 137}
      assert sh("kill -TERM $$") == {"", 143}
    end

    test "a background process that holds stdout is waited for" do
      assert sh("(sleep 0.2; echo late) & echo early; exit 4") == {"early\nlate\n", 4}
    end

    test "one that does not hold it is not" do
      {micros, result} = :timer.tc(fn -> sh("sleep 5 >/dev/null 2>&1 & echo early") end)
      assert result == {"early\n", 0}
      assert micros < 4_000_000
    end

    test "a command that closes stdout early is waited for" do
      assert sh("exec >&-; sleep 0.2; exit 3") == {"", 3}
    end
  end

  describe "output" do
    test "is binary, complete and in order" do
      assert same(& &1.cmd("printf", ["\\377\\000\\n"])) == {<<255, 0, ?\n>>, 0}
      assert {output, 0} = same(& &1.cmd("seq", ["200000"]))
      assert byte_size(output) == 1_288_895
    end

    test "stderr_to_stdout keeps the order of writing" do
      line = "echo a; echo b >&2; echo c; echo d >&2"
      assert sh(line, stderr_to_stdout: true) == {"a\nb\nc\nd\n", 0}
    end

    test "of a raised and a merged stderr" do
      assert sh("echo x; echo y >&2", stderr_to_stdout: false) == {"x\n", 0}
    end

    test "lines" do
      line = "printf 'a\\r\\nb\\n\\nlong%01000d\\nlast' 0"
      long = "long" <> String.duplicate("0", 1_000)
      expected = {["a", "b", "", long, "last"], 0}
      assert sh(line, [into: [], lines: 10], "1.15.0") == expected
      assert sh("echo a; echo b", [lines: 10], "1.15.0") == {"ab", 0}
    end

    test "use_stdio: false collects nothing" do
      assert sh("exit 3", [use_stdio: false], "1.17.0") == {"", 3}
      assert sh("exit 0", [use_stdio: nil, into: []], "1.17.0") == {[], 0}
    end
  end

  describe "the child" do
    test "stdin is an open pipe" do
      assert sh("test -p /dev/stdin && echo pipe") == {"pipe\n", 0}
    end

    test "has descriptors 0 to 2" do
      assert {"0\n1\n2\n3\n", 0} = same(& &1.cmd("ls", ["/proc/self/fd"]))
    end

    test "leads a session" do
      assert sh("cut -d' ' -f6 /proc/$$/stat | grep -qx $$ && echo yes") == {"yes\n", 0}
    end

    test "has its path as argv[0], or arg0" do
      path = System.find_executable("sh")
      assert sh("echo $0") == {path <> "\n", 0}
      assert sh("echo $0", arg0: "me") == {"me\n", 0}
      assert sh("echo $0", arg0: "") == {"\n", 0}
    end

    test "gets its arguments as they are" do
      args = ["", " ", "a b", "*", "$HOME", "ü", <<255>>, "-n"]
      assert {_output, 0} = same(& &1.cmd("printf", ["%s|" | args]))
    end

    test "takes a megabyte of arguments" do
      args = List.duplicate(String.duplicate("x", 100_000), 10)
      assert {output, 0} = same(& &1.cmd("printf", ["%s" | args]))
      assert byte_size(output) == 1_000_000
    end
  end

  describe "environment and directory" do
    setup do
      System.put_env("CONTAINED_PARITY", "vm")
      on_exit(fn -> System.delete_env("CONTAINED_PARITY") end)
    end

    @show "echo ${CONTAINED_PARITY-unset}"

    test "is the VM's at call time, with changes" do
      assert sh(@show) == {"vm\n", 0}
      assert sh(@show, env: [{"CONTAINED_PARITY", "x"}]) == {"x\n", 0}
      assert sh(@show, env: %{"CONTAINED_PARITY" => nil}) == {"unset\n", 0}
      assert sh(@show, env: [{"CONTAINED_PARITY", "ü ="}]) == {"ü =\n", 0}
      System.put_env("CONTAINED_PARITY", "later")
      assert sh(@show) == {"later\n", 0}
      System.delete_env("CONTAINED_PARITY")
      assert sh(@show) == {"unset\n", 0}
    end

    test "the last of a variable given twice counts" do
      assert sh(@show, env: [{"CONTAINED_PARITY", "1"}, {"CONTAINED_PARITY", "2"}]) == {"2\n", 0}

      assert sh(@show, env: [{"CONTAINED_PARITY", "1"}, {"CONTAINED_PARITY", nil}]) ==
               {"unset\n", 0}
    end

    test "PATH in env is not for the look-up" do
      assert {path, 0} = same(& &1.cmd("sh", ["-c", "echo $PATH"], env: [{"PATH", "/nowhere"}]))
      assert path == "/nowhere\n"
    end

    test "difference: an empty value is empty" do
      opts = [env: [{"CONTAINED_PARITY", ""}]]
      assert Contained.cmd("sh", ["-c", @show], opts) == {"\n", 0}
      assert System.cmd("sh", ["-c", @show], opts) == {"unset\n", 0}
    end

    test "difference: no variables of the VM's launcher" do
      line = "echo $BINDIR$ROOTDIR$EMU$PROGNAME; echo $PATH"
      {output, 0} = Contained.cmd("sh", ["-c", line])
      assert ["", path, ""] = String.split(output, "\n")
      refute path =~ System.get_env("BINDIR")
    end

    test "cd" do
      assert sh("pwd", cd: "/") == {"/\n", 0}
      dir = tmp_dir()
      assert File.cd!(dir, fn -> sh("pwd -P") end) == {dir <> "\n", 0}
    end

    test "difference: a relative cd is meant from the VM's directory of now" do
      dir = tmp_dir()
      File.mkdir!(Path.join(dir, "sub"))

      result = File.cd!(dir, fn -> Contained.cmd("sh", ["-c", "pwd -P"], cd: "sub") end)
      assert result == {Path.join(dir, "sub") <> "\n", 0}
    end
  end

  describe "wrong arguments" do
    test "raise the same" do
      same_error(& &1.cmd("null\0byte", []))
      same_error(& &1.shell("null\0byte"))
      same_error(& &1.cmd("sh", ["-c", :a]))
      same_error(& &1.cmd("sh", [], foo: 1))
      same_error(& &1.cmd("sh", [], [{"foo", 1}]))
      same_error(& &1.cmd("sh", [], cd: :home))
      same_error(& &1.cmd("sh", [], stderr_to_stdout: nil))
      same_error(& &1.cmd("sh", [], parallelism: 1))
      same_error(& &1.cmd("sh", [], arg0: 1))
      same_error(& &1.cmd("sh", [], env: [:a]))
      same_error(& &1.cmd("sh", [], env: [{:a, "b"}]))
      same_error(& &1.cmd("sh", [], env: [{"a", <<255>>}]))
      same_error(& &1.cmd("sh", [], env: 1))
      same_error(& &1.cmd("sh", [], into: 1))
      same_error(& &1.cmd(:sh, []))
      same_error(& &1.cmd("sh", nil))
      same_error(& &1.cmd("sh", [], nil))
      same_error(& &1.cmd("sh", [], %{}))
      same_error(& &1.shell(:sh))
    end

    test "env that no program can have is an ArgumentError" do
      for env <- [[{"a=b", "1"}], [{"a\0", "1"}], [{"a", "\0"}]], module <- [System, Contained] do
        assert_raise ArgumentError, fn -> module.cmd("sh", [], env: env) end
      end
    end

    test "stderr_to_stdout without stdio" do
      message = ~S(cannot use "stderr_to_stdout: true" and "use_stdio: false")
      modules = if system?("1.17.0"), do: [System, Contained], else: [Contained]

      for module <- modules do
        opts = [use_stdio: false, stderr_to_stdout: true]
        assert_raise ArgumentError, message, fn -> module.cmd("sh", [], opts) end
      end
    end

    test "an into that takes no binaries raises" do
      for module <- [System, Contained] do
        assert {:caught, :error, _} = caught(fn -> module.cmd("echo", ["x"], into: %{}) end)
      end
    end

    test "difference: null bytes do not cut anything short" do
      assert_raise ArgumentError, fn -> Contained.cmd("echo", ["a\0b"]) end
      assert_raise ArgumentError, fn -> Contained.cmd("echo", [], arg0: "a\0b") end
      assert_raise ArgumentError, fn -> Contained.cmd("echo", [], cd: "/\0b") end
    end
  end

  describe "programs that cannot be run" do
    test "are POSIX reasons" do
      dir = tmp_dir()
      plain = script(dir, "plain", "", 0o644)
      loop = Path.join(dir, "loop")
      File.ln_s!(loop, loop)

      assert same_error(& &1.cmd("no-such-program", [])) == :enoent
      assert same_error(& &1.cmd("", [])) == :enoent
      assert same_error(& &1.cmd(Path.join(dir, "missing"), [])) == :enoent
      assert same_error(& &1.cmd(plain, [])) == :eacces
      assert same_error(& &1.cmd(Path.join(plain, "x"), [])) == :enotdir
      assert same_error(& &1.cmd(loop, [])) == :eloop
      assert same_error(& &1.cmd("/" <> String.duplicate("x", 300), [])) == :enametoolong
    end

    test "without a PATH nothing is found" do
      path = System.get_env("PATH")
      on_exit(fn -> System.put_env("PATH", path) end)
      System.delete_env("PATH")
      assert same_error(& &1.cmd("sh", [])) == :enoent
    end

    test "the order of checks" do
      assert %ArgumentError{} = same_error(& &1.cmd("no-such-program", [:a]))
      assert same_error(& &1.cmd("no-such-program", [], foo: 1)) == :enoent
      assert %ArgumentError{} = same_error(& &1.cmd("/no/such", [], foo: 1))
      assert %Protocol.UndefinedError{} = same_error(& &1.cmd("/no/such", [], into: 1))
    end

    test "the raised reason carries the call and a message" do
      {exception, stacktrace} =
        try do
          Contained.cmd("no-such-program", ["x"], [])
        catch
          :error, :enoent ->
            {Exception.normalize(:error, :enoent, __STACKTRACE__), __STACKTRACE__}
        end

      assert [{Contained, :cmd, ["no-such-program", ["x"], []], _info} | _] = stacktrace
      assert %ErlangError{original: :enoent} = exception
      assert Exception.message(exception) =~ "cannot execute \"no-such-program\""
    end

    test "difference: what the kernel refuses is raised, not a status" do
      dir = tmp_dir()
      good = script(dir, "good", "#!/bin/sh\n")

      for {reason, status, path, opts} <- [
            {:eacces, 13, dir, []},
            {:enoent, 2, script(dir, "bad", "#!/no/such/interpreter\n"), []},
            {:enoexec, 8, script(dir, "none", "echo hi\n"), []},
            {:enoent, 2, good, [cd: "/no/such"]},
            {:enotdir, 20, good, [cd: good]}
          ] do
        assert caught(fn -> Contained.cmd(path, [], opts) end) == {:caught, :error, reason}
        assert System.cmd(path, [], opts) == {"", status}
      end

      assert caught(fn -> Contained.cmd(good, [], cd: "") end) == {:caught, :error, :enoent}
      huge = [String.duplicate("x", 200_000)]
      assert caught(fn -> Contained.cmd(good, huge) end) == {:caught, :error, :e2big}
      assert System.cmd(good, huge) == {"", 7}
    end
  end

  defmodule Recorder do
    # Tells its owner what is done with it.
    defstruct [:owner, raise_on: nil]

    defimpl Collectable do
      def into(%{owner: owner} = recorder) do
        send(owner, {:recorded, :into})

        {0,
         fn count, command ->
           send(owner, {:recorded, count, command})
           if match?({:cont, _}, command) and recorder.raise_on == count, do: raise("full")
           count + 1
         end}
      end
    end
  end

  describe "the collectable" do
    defp recorded do
      receive do
        {:recorded, what} -> [what | recorded()]
        {:recorded, count, what} -> [{count, what} | recorded()]
      after
        0 -> []
      end
    end

    defp record(fun) do
      same(fn module ->
        result = caught(fn -> fun.(module, %Recorder{owner: self()}) end)
        {result, recorded()}
      end)
    end

    test "gets chunks, then the end, in the caller" do
      assert record(& &1.cmd("echo", ["x"], into: &2)) ==
               {{2, 0}, [:into, {0, {:cont, "x\n"}}, {1, :done}]}
    end

    test "gets only the end when there is no output" do
      assert record(& &1.cmd("true", [], into: &2)) == {{1, 0}, [:into, {0, :done}]}
    end

    test "that raises is halted with the accumulator it began with" do
      {result, calls} =
        record(fn module, recorder ->
          line = "echo a; sleep 0.1; echo b; sleep 0.1"
          module.cmd("sh", ["-c", line], into: %{recorder | raise_on: 1})
        end)

      assert {:caught, :error, %RuntimeError{message: "full"}} = result
      assert [:into, {0, {:cont, "a\n"}}, {1, {:cont, "b\n"}}, {0, :halt}] = calls
    end

    test "is not touched when a name is not found" do
      assert {{:caught, :error, :enoent}, []} = record(& &1.cmd("no-such", [], into: &2))
    end

    test "is halted when an absolute path is not" do
      assert {{:caught, :error, :enoent}, [:into, {0, :halt}]} =
               record(& &1.cmd("/no/such", [], into: &2))
    end
  end

  describe "the caller" do
    test "has the messages, links and monitors it had" do
      send(self(), :mine)
      before = Process.info(self(), [:messages, :links, :monitors, :monitored_by])
      assert {"x\n", 0} = same(& &1.cmd("echo", ["x"]))
      assert caught(fn -> Contained.cmd("echo", ["x"], into: %{}) end) != nil
      assert {_, :timeout} = Contained.cmd("sleep", ["60"], timeout: 20, delay_to_sigkill: 50)
      assert Process.info(self(), [:messages, :links, :monitors, :monitored_by]) == before
    end

    test "difference: finds no exit of a port when it traps exits" do
      Process.flag(:trap_exit, true)
      assert {"x\n", 0} = Contained.cmd("echo", ["x"])
      assert {"x\n", 0} = Contained.cmd("echo", ["x"], launcher: :dedicated)
      assert Process.info(self(), :messages) == {:messages, []}
    end
  end

  test "difference: signals have their default dispositions" do
    {output, 0} = Contained.cmd("grep", ["-E", "Sig(Ign|Blk)", "/proc/self/status"])

    assert Regex.scan(~r/\t(\d+)/, output, capture: :all_but_first)
           |> List.flatten()
           |> Enum.uniq() ==
             ["0000000000000000"]
  end

  describe "shell/2" do
    test "runs lists, pipes and comments" do
      assert same(& &1.shell("echo a | cat; echo b # not this")) == {"a\nb\n", 0}
      assert same(& &1.shell("exit 5")) == {"", 5}
      assert same(& &1.shell("echo a >&2", stderr_to_stdout: true)) == {"a\n", 0}
      assert same(& &1.shell("echo $X", env: [{"X", "y"}], cd: "/")) == {"y\n", 0}
      assert same(& &1.shell("echo $0", arg0: "me")) == {"me\n", 0}
      assert same(& &1.shell("echo a", into: [])) == {["a\n"], 0}
    end

    test "runs nothing" do
      assert same(& &1.shell(""), "1.17.0") == {"", 0}
      assert same(& &1.shell(" \n"), "1.17.0") == {"", 0}
    end

    test "difference: nothing that is run goes into the collectable as well" do
      assert Contained.shell(" \n", into: []) == {[], 0}
    end

    test "close_stdin" do
      assert same(& &1.shell("cat", close_stdin: true), "1.14.1") == {"", 0}
      assert same(& &1.shell("test -p /dev/stdin", close_stdin: false), "1.14.1") == {"", 0}
    end

    test "a syntax error is the shell's" do
      assert {_, 2} = same(& &1.shell("if", stderr_to_stdout: true))
    end
  end
end
