defmodule Contained.PoolTest do
  use Contained.Case, async: true

  alias Contained.{Error, Pool, Result}

  @moduletag :port

  test "so many run at a time, in the order of asking" do
    pool = start_supervised!({Pool, max: 2, stderr_to_stdout: true})
    dir = tmp_dir()
    script = "echo x >>$0/began; until test -e $0/go$1; do sleep 0.01; done"

    run = fn number ->
      task = Task.async(fn -> Pool.run(pool, "sh", ["-c", script, dir, "#{number}"]) end)
      eventually(fn -> asked(pool) == number end, 20_000)
      task
    end

    tasks = Enum.map(1..4, run)
    assert Pool.info(pool) == %{max: 2, running: 2, waiting: 2}
    File.write!(Path.join(dir, "go1"), "")
    assert {:ok, %Result{status: 0}} = Task.await(hd(tasks), within(20_000))
    eventually(fn -> Pool.info(pool) == %{max: 2, running: 2, waiting: 1} end, 20_000)
    for number <- 2..4, do: File.write!(Path.join(dir, "go#{number}"), "")

    for task <- tl(tasks),
        do: assert({:ok, %Result{status: 0}} = Task.await(task, within(20_000)))

    assert eventually(fn -> Pool.info(pool) == %{max: 2, running: 0, waiting: 0} end)
    assert File.read!(Path.join(dir, "began")) == "x\nx\nx\nx\n"
  end

  defp asked(pool) do
    %{running: running, waiting: waiting} = Pool.info(pool)
    running + waiting
  end

  test "who dies, or waits too long, is out" do
    pool = start_supervised!({Pool, max: 1})
    {:ok, owner} = Task.start(fn -> Pool.run(pool, "sleep", ["1000"]) end)
    eventually(fn -> Pool.info(pool).running == 1 end)
    assert {:error, %Error{stage: :pool, reason: :timeout}} = Pool.run(pool, "true", [], wait: 20)
    Process.exit(owner, :kill)
    assert {:ok, %Result{status: 0}} = Pool.run(pool, "true", [])
    assert eventually(fn -> Pool.info(pool) == %{max: 1, running: 0, waiting: 0} end)
  end

  test "options are checked" do
    assert_raise ArgumentError, ~r/invalid value for option :max/, fn -> Pool.start_link([]) end
  end

  test "a stream of commands, in their order" do
    commands = for number <- 1..5, do: {"sh", ["-c", "echo #{number}; exit #{number}"]}
    results = commands |> Contained.async_stream(max_concurrency: 2) |> Enum.to_list()

    assert Enum.map(results, fn {:ok, result} -> {result.stdout, result.status} end) ==
             for(number <- 1..5, do: {"#{number}\n", number})

    assert [{:ok, %Result{stdout: "own"}}, {:error, %Error{}}] =
             [{"printenv", ["A"], env: [{"A", "own"}]}, {"true", [], cd: "/nowhere"}]
             |> Contained.async_stream(env: [{"A", "all"}], lines: 80)
             |> Enum.to_list()
  end

  test "a stream that is left early stops what runs" do
    container = start_supervised!({Contained.Container, name: "stream"})

    assert [{:ok, %Result{status: 0}}] =
             [{"true", []}, {"sleep", ["1000"]}, {"sleep", ["1000"]}]
             |> Contained.async_stream(max_concurrency: 3, container: container)
             |> Enum.take(1)

    assert :ok = Contained.Container.wait(container, within(10_000))
  end
end
