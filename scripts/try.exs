# The main job on a real program, see scripts/try. Streams a ping; then either kills the process
# that owns it and looks for it in the process list, or waits for its own VM to be killed.

defmodule Try do
  def main(["owner"]) do
    {owner, os_pid} = start()
    IO.puts("\n-- the process list while it runs:")
    IO.puts(ps(os_pid))
    IO.puts("\n-- kill its owner, #{inspect(owner)}:")
    Process.exit(owner, :kill)
    wait_until_gone(os_pid, System.monotonic_time(:millisecond))
  end

  def main(["vm"]) do
    {_owner, os_pid} = start()
    IO.puts("vm #{System.pid()} command #{os_pid}")
    Process.sleep(:infinity)
  end

  defp start do
    parent = self()
    owner = spawn(fn -> own(parent) end)
    os_pid = receive(do: ({:running, os_pid} -> os_pid))
    {owner, os_pid}
  end

  # Reads on for ever; tells the parent once three pieces of output have been seen.
  defp own(parent) do
    {program, args} = command()
    {:ok, process} = Contained.start(program, args)
    IO.puts("-- #{Enum.join([program | args], " ")}, OS process #{process.os_pid}:")
    for _ <- 1..3, do: copy(process)
    send(parent, {:running, process.os_pid})
    Enum.each(Stream.cycle([process]), &Contained.Process.next/1)
  end

  defp copy(process) do
    {:stdout, data} = Contained.Process.next(process, 10_000)
    IO.write(data)
  end

  # Where no ICMP socket may be opened (some containers), a loop of the shell does.
  defp command do
    case System.find_executable("ping") && System.cmd("ping", ~w(-c 1 127.0.0.1), quiet()) do
      {_output, 0} -> {"ping", ~w(-i 0.3 127.0.0.1)}
      _refused -> {"sh", ["-c", "while :; do date; sleep 0.3; done"]}
    end
  end

  defp quiet, do: [stderr_to_stdout: true]

  defp ps(os_pid) do
    {list, _status} = System.cmd("ps", ["-o", "pid,ppid,args", "-p", "#{os_pid}"])
    String.trim_trailing(list)
  end

  defp wait_until_gone(os_pid, since) do
    list = ps(os_pid)
    waited = System.monotonic_time(:millisecond) - since

    cond do
      not (list =~ "#{os_pid} ") -> IO.puts("#{list}\ngone within #{waited} ms")
      waited < 5_000 -> wait_until_gone(os_pid, since)
      true -> exit("#{os_pid} is still there")
    end
  end
end

Try.main(System.argv())
