defmodule Contained.LifeAndDeathTest do
  # The real port program: whoever dies, nothing that it started outlives it, and nobody waits in
  # vain.
  use Contained.Case, async: false

  alias Contained.{Launcher, Process}

  @moduletag :port

  setup do
    %{launcher: start_supervised!({Launcher, []})}
  end

  # The leader ignores SIGTERM, has a child, and one that left its session. Each tells its pid.
  @stubborn """
  trap '' TERM
  sleep 300 & echo $!
  setsid sleep 300 & echo $!
  echo $$
  wait
  """

  defp start_stubborn(launcher) do
    opts = [launcher: launcher, delay_to_sigkill: 50]
    {:ok, process} = Contained.start("sh", ["-c", @stubborn], opts)
    {process, read_pids(process, "")}
  end

  defp read_pids(process, read) do
    case String.split(read, "\n") do
      [_, _, _, ""] = lines ->
        for line <- lines, line != "", do: String.to_integer(line)

      _ ->
        {:stdout, data} = Process.next(process, 5_000)
        read_pids(process, read <> data)
    end
  end

  # The owner lives in a process of its own, which can be ended.
  defp start_in_task(launcher) do
    test = self()

    owner =
      spawn(fn ->
        {process, pids} = start_stubborn(launcher)
        send(test, {:started, process, pids})
        receive(do: (:end -> :ok))
      end)

    assert_receive {:started, process, pids}, 5_000
    {owner, process, pids}
  end

  defp assert_gone(pids), do: eventually(fn -> not Enum.any?(pids, &os_alive?/1) end, 3_000)

  defp os_pids(launcher), do: GenServer.call(launcher, :info).os_pids

  defp kill(signal, pid), do: {_, 0} = System.cmd("kill", ["-" <> signal, "#{pid}"])

  test "the owner is killed", %{launcher: launcher} do
    {owner, _, pids} = start_in_task(launcher)
    Elixir.Process.exit(owner, :kill)
    assert_gone(pids)
  end

  test "the owner ends", %{launcher: launcher} do
    {owner, _, pids} = start_in_task(launcher)
    send(owner, :end)
    assert_gone(pids)
  end

  test "the command is stopped by somebody else, and is dead then", %{launcher: launcher} do
    {owner, process, pids} = start_in_task(launcher)
    assert :ok = Process.stop(process)
    refute Enum.any?(pids, &os_alive?/1)
    send(owner, :end)
  end

  test "the launcher is killed", %{launcher: launcher} do
    {_, _, pids} = start_in_task(launcher)
    Elixir.Process.exit(launcher, :kill)
    assert_gone(pids)
  end

  test "the launcher is shut down", %{launcher: launcher} do
    {_, _, pids} = start_in_task(launcher)
    stop_supervised!(Launcher)
    refute Enum.any?(pids, &os_alive?/1)
  end

  for {who, signal} <- [worker: "KILL", guardian: "KILL", worker: "ABRT"] do
    test "the #{who} gets SIG#{signal}", %{launcher: launcher} do
      {process, pids} = start_stubborn(launcher)
      kill(unquote(signal), os_pids(launcher)[unquote(who)])
      assert {:ok, %{reason: :launcher_down}} = Process.await(process, 5_000)
      assert_gone(pids)
      assert {"next\n", 0} = Contained.cmd("echo", ["next"], launcher: launcher)
    end
  end

  for stopped <- [[:worker], [:guardian, :worker]] do
    test "stopped: #{inspect(stopped)}", %{launcher: launcher} do
      {process, pids} = start_stubborn(launcher)
      for who <- unquote(stopped), do: kill("STOP", os_pids(launcher)[who])
      assert :ok = Process.close_stdin(process)
      assert {:ok, %{reason: :launcher_down}} = Process.await(process, 4_000)
      assert_gone(pids)
      assert {"next\n", 0} = Contained.cmd("echo", ["next"], launcher: launcher)
    end
  end

  test "a stopped guardian alone hurts nobody", %{launcher: launcher} do
    {"", 0} = Contained.cmd("true", [], launcher: launcher)
    kill("STOP", os_pids(launcher).guardian)
    assert {"hi\n", 0} = Contained.cmd("echo", ["hi"], launcher: launcher)
  end

  test "fifty deaths in a row do not end the launcher", %{launcher: launcher} do
    for n <- 1..50 do
      assert {_, 0} = eventually(fn -> echo(launcher, n) end, 10_000)
      kill("KILL", os_pids(launcher).worker)
    end

    assert Elixir.Process.alive?(launcher)
  end

  # While the last program dies a command may still be told so.
  defp echo(launcher, n) do
    case Contained.cmd("echo", ["#{n}"], launcher: launcher) do
      {_, 0} = result -> result
      {_, :launcher_down} -> nil
    end
  end

  test "300 KB queued for a stopped worker do not hang the shutdown", %{launcher: launcher} do
    {:ok, process} = Contained.start("sleep", ["300"], launcher: launcher)
    for who <- [:guardian, :worker], do: kill("STOP", os_pids(launcher)[who])
    writer = Task.async(fn -> Process.write(process, :binary.copy("x", 300_000)) end)
    {micros, :ok} = :timer.tc(fn -> stop_supervised!(Launcher) end)
    assert micros < 3_000_000
    assert {:error, :closed} = Task.await(writer)
    refute os_alive?(Process.os_pid(process))
  end
end
