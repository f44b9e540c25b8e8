defmodule Contained.PortTest do
  # Changes the environment of the VM.
  use Contained.Case, async: false

  alias Contained.Port

  defp with_program(text) do
    path = script(tmp_dir(), "fake_port", "#!/bin/sh\n" <> text)
    set_program(path)
    path
  end

  defp set_program(path) do
    before = System.get_env("CONTAINED_PORT")
    System.put_env("CONTAINED_PORT", path)

    on_exit(fn ->
      if before,
        do: System.put_env("CONTAINED_PORT", before),
        else: System.delete_env("CONTAINED_PORT")
    end)
  end

  test "CONTAINED_PORT goes first" do
    path = with_program("exit 0")
    assert Port.locate() == {:ok, path}
  end

  test "an empty CONTAINED_PORT is none" do
    System.delete_env("CONTAINED_PORT")
    built = Port.locate()
    set_program("")
    assert Port.locate() == built
  end

  test "a program that is not there is named, with where it was looked for" do
    set_program("/nowhere/contained_port")
    assert {:error, :enoent, subject} = Port.locate()
    assert subject =~ "/nowhere/contained_port"
    assert subject =~ "CONTAINED_PORT"
    assert subject =~ "priv"
  end

  test "frames go down fd 3 and come up fd 4" do
    Process.flag(:trap_exit, true)
    {:ok, port} = Port.open(with_program("exec cat <&3 >&4"), [])
    assert Port.command(port, ["hel", "lo"])
    assert_receive {^port, {:data, "hello"}}, 5_000
    assert :ok = Port.close(port)
  end

  test "a write never suspends, however little the program reads" do
    Process.flag(:trap_exit, true)
    {:ok, port} = Port.open(with_program("exec sleep 60"), [])
    {:os_pid, os_pid} = Elixir.Port.info(port, :os_pid)
    chunk = :binary.copy("x", 64 * 1024)
    assert Enum.all?(1..100, fn _ -> Port.command(port, chunk) end)
    Port.close(port)
    System.cmd("kill", ["#{os_pid}"])
  end

  test "the end comes as an exit status" do
    Process.flag(:trap_exit, true)
    {:ok, port} = Port.open(with_program("exit 7"), [])
    assert_receive {^port, {:exit_status, 7}}, 5_000
    assert Port.command(port, "to nobody") in [true, false]
    Port.close(port)
    assert Port.command(port, "to a closed port")
    refute_received {^port, _}
  end

  test "what cannot be executed is an error" do
    assert {:error, :eacces} = Port.open(script(tmp_dir(), "x", "", 0o644), [])
    assert {:error, :enoent} = Port.open("/nowhere/contained_port", [])
  end

  test "a program is known by its start time as well" do
    Process.flag(:trap_exit, true)
    {:ok, port} = Port.open(with_program("exec sleep 60"), [])
    assert {:ok, {pid, start}} = Port.identity(port)
    assert {:os_pid, pid} == Elixir.Port.info(port, :os_pid)
    {:ok, stat} = File.read("/proc/#{pid}/stat")
    assert stat =~ " #{start} "
    Port.close(port)
    assert Port.identity(port) == :error
    System.cmd("kill", ["#{pid}"])
  end

  test "whether it has ended is seen in the process table" do
    sleeper = Elixir.Port.open({:spawn_executable, "/bin/sleep"}, args: ["60"])
    {:ok, {pid, start} = identity} = Port.identity(sleeper)
    assert Port.ended?({pid, start + 1}, 0)
    refute Port.ended?(identity, 0)
    refute Port.ended?(identity, 10)
    System.cmd("kill", ["#{pid}"])
    assert Port.ended?(identity, 10_000)
  end

  test "killing names the targets, and is bounded in time" do
    told = Path.join(tmp_dir(), "told")
    assert :ok = Port.kill(with_program("echo \"$@\" > #{told}"), [{11, 22}, {33, 44}])
    assert File.read!(told) == "--kill 11:22 33:44\n"

    assert :timeout = Port.kill(with_program("exec sleep 2"), [{11, 22}])
  end

  @tag :port
  test "the port program kills the process it is told, and no other that has its pid" do
    {:ok, program} = Port.locate()
    sleeper = Elixir.Port.open({:spawn_executable, "/bin/sleep"}, args: ["60"])
    {:ok, {pid, start}} = Port.identity(sleeper)
    assert :ok = Port.kill(program, [{pid, start + 1}])
    assert os_alive?(pid)
    assert :ok = Port.kill(program, [{pid, start}])
    eventually(fn -> not os_alive?(pid) end)
  end
end
