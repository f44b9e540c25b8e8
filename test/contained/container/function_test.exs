defmodule Contained.Container.FunctionTest do
  use Contained.Case, async: true

  import ExUnit.CaptureIO

  alias Contained.{Container, Error}
  alias Contained.Container.Census

  @moduletag :port

  setup do
    %{
      container: start_supervised!({Container, name: "fun-#{System.unique_integer([:positive])}"})
    }
  end

  test "a function's value comes back, from a VM of its own", %{container: container} do
    assert {:ok, "ABC"} = Container.run_fun(container, {String, :upcase, ["abc"]})
    fun = Code.eval_string("fn -> {node(), System.pid(), self()} end") |> elem(0)
    assert {:ok, {:nonode@nohost, os_pid, _pid}} = Container.run_fun(container, fun)
    refute os_pid == System.pid()
    # Of a module that is on the disk, a fun is enough.
    assert {:ok, %{oom: 0}} = Container.run_fun(container, &Census.zero/0)
  end

  test "so do the ways in which it fails", %{container: container} do
    assert {:error, {:raise, %ArgumentError{}, [_ | _]}} =
             Container.run_fun(container, {String, :to_integer, ["x"]})

    assert {:error, {:throw, :ball, [_ | _]}} =
             Container.run_fun(container, {:erlang, :throw, [:ball]})

    assert {:error, {:exit, :gone, _stack}} =
             Container.run_fun(container, {:erlang, :exit, [:gone]})

    assert {:error, {:exit_status, 7}} = Container.run_fun(container, {:erlang, :halt, [7]})
  end

  test "and its death", %{container: container} do
    assert {:error, :timeout} =
             Container.run_fun(container, {Process, :sleep, [:infinity]}, timeout: 300)

    waiting = Task.async(fn -> Container.run_fun(container, {Process, :sleep, [:infinity]}) end)

    [%{os_pid: os_pid}] =
      eventually(fn ->
        if Container.running?(container), do: Container.info(container).commands |> nonempty()
      end)

    System.cmd("kill", ["-KILL", "#{os_pid}"])
    assert {:error, {:signal, 9}} = Task.await(waiting, within(10_000))
    waiting = Task.async(fn -> Container.run_fun(container, {Process, :sleep, [:infinity]}) end)
    eventually(fn -> Container.running?(container) end)
    :ok = Container.stop(container)
    assert {:error, reason} = Task.await(waiting, within(10_000))
    assert reason == :stopped or match?(%Error{stage: :container}, reason)
  end

  defp nonempty([]), do: nil
  defp nonempty(list), do: list

  test "memory that it may not have is its end alone", %{container: container} do
    {:ok, %{limits: limits}} = Contained.Cgroup.info()

    if [:memory, :swap] -- limits == [] do
      call = {:binary, :copy, [<<0>>, 400_000_000]}

      assert {:error, :oom} =
               Container.run_fun(container, call, limits: [memory: "150M", swap: 0])
    else
      IO.puts("SKIPPED: a function out of memory needs limits of :memory and :swap")
    end
  end

  test "what it prints, modules made here, and other terms", %{container: container} do
    printed =
      capture_io(fn ->
        assert {:ok, :ok} = Container.run_fun(container, {IO, :puts, ["hello"]})
      end)

    assert printed == "hello\n"
    {:module, module, binary, _} = defmodule(Made, do: def(double(x), do: 2 * x))

    assert {:ok, 42} =
             Container.run_fun(container, {module, :double, [21]}, modules: [{module, binary}])

    large = :binary.copy("0123456789", 300_000)
    assert {:ok, ^large} = Container.run_fun(container, {:erlang, :iolist_to_binary, [large]})
    assert {:ok, "v"} = Container.run_fun(container, {System, :get_env, ["K"]}, env: [{"K", "v"}])
  end

  {:module, talker, binary, _} =
    defmodule Talker do
      def talk(text, size) do
        :erlang.display(:plain)
        IO.puts(text)
        :binary.copy("x", size)
      end

      def halt do
        IO.puts("last words")
        :erlang.halt(7)
      end
    end

  @talker talker
  @talks modules: [{talker, binary}], env: [{"LC_ALL", "C.UTF-8"}]

  test "a value of 50 MB, and all that is printed before it", %{container: container} do
    text = String.duplicate("äö", 500_000)
    size = 50_000_000

    printed =
      capture_io(fn ->
        call = {@talker, :talk, [text, size]}
        assert {:ok, value} = Container.run_fun(container, call, @talks)
        assert value == :binary.copy("x", size)
      end)

    # Characters are those of the locale, or written as numbers where that is not installed.
    escaped = String.duplicate("\\x{E4}\\x{F6}", 500_000)
    # erlang:display/1 may write CR LF.
    printed = String.replace(printed, "\r\n", "\n")
    same? = printed in ["plain\n" <> text <> "\n", "plain\n" <> escaped <> "\n"]
    assert same?
  end

  test "what it has printed when it halts", %{container: container} do
    printed =
      capture_io(fn ->
        assert {:error, {:exit_status, 7}} =
                 Container.run_fun(container, {@talker, :halt, []}, @talks)
      end)

    assert printed == "last words\n"
  end
end
