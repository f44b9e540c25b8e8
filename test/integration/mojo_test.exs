defmodule Contained.MojoTest do
  # What the tests of Mojo::IOLoop::ReadWriteProcess show of single programs, pools and queues, by their names. Of 01_run
  # pid files, missing programs and all of PATH stand elsewhere; of containers see mojo_container_test.exs.
  use Contained.Case, async: true

  alias Contained.{Daemon, Pool, Result}
  alias Contained.Process, as: Command

  @moduletag :port

  defp start(script, opts \\ []) do
    {:ok, process} = Contained.start("sh", ["-c", script], opts)
    process
  end

  describe "mojo 01_run" do
    @check """
    trap 'echo "bye $name"' EXIT
    echo out
    echo err >&2
    for word in "$@"; do echo "word $word"; done
    printf 'name? '
    read -r name
    echo "hello $name"
    exit 100
    """

    test "stdout, stderr, a prompt, an answer, arguments, a last word, status 100" do
      args = ["-c", @check, "sh", "0", "", "two words"]
      {:ok, process} = Contained.start("sh", args, stderr: :capture)
      before = prompted(process, %{stdout: "", stderr: ""})
      assert before == %{stdout: "out\nword 0\nword \nword two words\nname? ", stderr: "err\n"}
      assert :ok = Command.write(process, "you\n")
      assert {:ok, %Result{} = result} = Command.await(process, within(20_000))
      assert {result.stdout, result.exit} == {"hello you\nbye you\n", {:exited, 100}}
    end

    # Who writes first is not said.
    defp prompted(process, read) do
      if String.ends_with?(read.stdout, "? ") and read.stderr != "" do
        read
      else
        {stream, data} = Command.next(process, within(20_000))
        prompted(process, Map.update!(read, stream, &(&1 <> data)))
      end
    end

    test "a signal that is caught leaves it running, a stop does not" do
      process = start("trap 'echo no' TERM; echo up; while :; do sleep 0.05; done")
      read_until(process, "up\n")
      assert :ok = Command.signal(process, :term, :leader)
      read_until(process, "no\n")
      assert os_alive?(Command.os_pid(process))
      assert :ok = Command.stop(process, term: 50)
      assert {:ok, %Result{exit: {:signaled, 9, false}}} = Command.await(process)
    end

    test "its whole group is asked, and gets the time it needs" do
      script = """
      trap 'wait; echo leader; exit 4' TERM
      sh -c 'trap "sleep 0.3; echo child; exit" TERM; echo up; while :; do sleep 0.05; done' &
      wait
      """

      process = start(script)
      read_until(process, "up\n")
      assert :ok = Command.stop(process, term: within(20_000))
      assert {:ok, %Result{} = result} = Command.await(process)
      assert {result.stdout, result.exit} == {"child\nleader\n", {:exited, 4}}
    end

    test "statuses, with pipes and without any" do
      for status <- [0, 1, 100] do
        assert {"", ^status} = Contained.cmd("sh", ["-c", "exit #{status}"])
        assert {_into, ^status} = Contained.cmd("sh", ["-c", "exit #{status}"], use_stdio: false)
      end
    end

    test "commands within the life of another" do
      script = "for i in 1 2 3; do read -r x; echo $i; done"
      process = start(script)

      for number <- ["1\n", "2\n", "3\n"] do
        :ok = Command.write(process, "go\n")
        assert {:stdout, ^number} = Command.next(process, within(20_000))
        assert {^number, 0} = Contained.cmd("cat", [], input: number)
      end

      assert {:ok, %Result{status: 0}} = Command.await(process)
    end

    test "a program hears of its own children" do
      script = "trap 'echo heard' CHLD; sleep 0.1 & while kill -0 $! 2>/dev/null; do wait; done"
      assert {output, 0} = Contained.cmd("sh", ["-c", script])
      assert output =~ "heard\n"
    end

    test "three restarts" do
      {:ok, daemon} = Daemon.start_link("sleep", ["1000"])

      pids =
        for _ <- 1..3 do
          os_pid = Daemon.os_pid(daemon)
          :ok = Daemon.restart(daemon)
          refute os_alive?(os_pid)
          os_pid
        end

      last = Daemon.os_pid(daemon)
      assert os_alive?(last)
      assert length(Enum.uniq([last | pids])) == 4
      assert :ok = Daemon.stop(daemon)
    end
  end

  ## Many at once

  # Each writes a line when it begins and one when it ends.
  @job ~S(echo "+ $1" >>"$0"; sleep 0.02; echo "- $1" >>"$0")

  defp job(log, number), do: {"sh", ["-c", @job, log, "#{number}"]}

  defp numbers(log, sign) do
    for line <- File.stream!(log),
        [^sign, number] <- [String.split(line)],
        do: String.to_integer(number)
  end

  # How many ran at the same time at most.
  defp most(log) do
    log
    |> File.stream!()
    |> Enum.scan(0, fn line, running -> if line =~ "+", do: running + 1, else: running - 1 end)
    |> Enum.max()
  end

  describe "mojo 02_parallel" do
    test "a hundred calls of thirty callers through a pool of eight, and again" do
      pool = start_supervised!({Pool, max: 8})

      for round <- 1..2 do
        log = Path.join(tmp_dir(), "#{round}")

        results =
          1..100
          |> Task.async_stream(&run(pool, job(log, &1)),
            max_concurrency: 30,
            timeout: within(60_000)
          )
          |> Enum.to_list()

        assert Enum.uniq(results) == [{:ok, 0}]
        assert Enum.sort(numbers(log, "+")) == Enum.to_list(1..100)
        assert most(log) in 2..8
      end

      assert eventually(fn -> Pool.info(pool) == %{max: 8, running: 0, waiting: 0} end)
    end

    defp run(pool, {program, args}) do
      {:ok, %Result{status: status}} = Pool.run(pool, program, args)
      status
    end
  end

  describe "mojo 04_queues" do
    for parallel <- 1..3 do
      test "ten jobs, #{parallel} at a time, each once" do
        log = Path.join(tmp_dir(), "log")
        jobs = for number <- 1..10, do: job(log, number)

        ended =
          jobs |> Contained.async_stream(max_concurrency: unquote(parallel)) |> Enum.to_list()

        assert for({:ok, %Result{status: 0}} <- ended, do: :ok) |> length() == 10
        assert Enum.sort(numbers(log, "+")) == Enum.to_list(1..10)
        assert Enum.sort(numbers(log, "-")) == Enum.to_list(1..10)
        assert most(log) in 1..unquote(parallel)
      end
    end
  end

  describe "mojo 09_session" do
    defp listed(os_pid), do: Enum.filter(Contained.list(), &(&1.os_pid == os_pid))

    test "who runs is listed, who has ended is not" do
      process = start("read x")
      os_pid = Command.os_pid(process)
      me = self()
      assert [%{owner: ^me, os_pid: ^os_pid}] = listed(os_pid)
      :ok = Command.close_stdin(process)
      assert {:ok, %Result{status: 1}} = Command.await(process)
      assert eventually(fn -> listed(os_pid) == [] end)
    end

    test "what nobody owns any more is gone" do
      owner = Task.async(fn -> Command.os_pid(start("sleep 1000")) end)
      os_pid = Task.await(owner, within(20_000))
      assert eventually(fn -> listed(os_pid) == [] end, within(10_000))
      refute os_alive?(os_pid)
    end
  end
end
