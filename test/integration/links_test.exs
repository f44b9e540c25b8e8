defmodule Contained.LinksTest do
  # Links as the port program has them, spoken to without a launcher.
  use Contained.Case, async: true

  import Contained.RawPort

  @moduletag :port
  @moduletag timeout: 120_000

  defp ended(raw, id) do
    {:ended, ^id, map} = await(raw, &match?({:ended, ^id, _}, &1))
    map
  end

  defp output(raw, id) do
    case await(raw, &(match?({:output, ^id, _, _}, &1) or match?({:closed, ^id, _}, &1))) do
      {:output, ^id, fd, data} ->
        say(raw, {:credit, id, if(fd == 1, do: :stdout, else: fd), byte_size(data)})
        data <> output(raw, id)

      {:closed, ^id, _stream} ->
        ""
    end
  end

  defp sh(raw, id, script, spec), do: start(raw, id, ["/bin/sh", "-c", script], spec)

  test "one command writes, another reads, and the next one goes on" do
    {raw, _info} = greeted()
    say(raw, {:open_link, "log"})
    sh(raw, 1, "echo one; echo two; exec sleep 300", %{stdout: {:link, "log"}, stdin: :null})
    sh(raw, 2, "read line; echo got $line", %{stdin: {:link, "log"}})
    assert output(raw, 2) == "got one\n"
    assert ended(raw, 2).status == {:exited, 0}
    sh(raw, 3, "read line; echo got $line", %{stdin: {:link, "log"}})
    assert output(raw, 3) == "got two\n"
    say(raw, {:shutdown})
    assert exit_status(raw) == 0
  end

  test "a closed link ends with its writers" do
    {raw, _info} = greeted()
    say(raw, {:open_link, "log"})
    sh(raw, 1, "read line; echo $line", %{stdout: {:link, "log"}, stdin: :pipe})
    start(raw, 2, ["/bin/cat"], %{stdin: {:link, "log"}})
    say(raw, {:close_link, "log"})
    say(raw, {:input, 1, "last\n"})
    assert output(raw, 2) == "last\n"
    assert ended(raw, 2).status == {:exited, 0}
    say(raw, {:shutdown})
    assert exit_status(raw) == 0
  end

  test "further descriptors" do
    {raw, _info} = greeted()
    say(raw, {:open_link, "a"})

    sh(raw, 1, "echo x >&5; read line <&6; echo $line", %{
      fds: [{5, {:link_out, "a"}}, {6, {:link_in, "a"}}]
    })

    assert output(raw, 1) == "x\n"
    say(raw, {:shutdown})
    assert exit_status(raw) == 0
  end

  # Readers come to the end of the file, however long their ladders, and without the VM's doing.
  for {how, ask} <- [
        shutdown: quote(do: &say(&1, {:shutdown})),
        "end of file": quote(do: &close/1)
      ] do
    test "#{how} ends readers when their writers are gone" do
      {raw, _info} = greeted()
      file = Path.join(tmp_dir(), "log")
      say(raw, {:open_link, "log"})
      writer = "trap 'echo bye; exit' TERM; echo hi; while :; do sleep 0.01; done"
      sh(raw, 1, writer, %{stdout: {:link, "log"}, stderr: :null, stop: [{15, 60_000}]})
      sh(raw, 2, "cat >#{file}", %{stdin: {:link, "log"}, stop: [{18, 86_400_000}]})
      {:started, 2, reader} = await(raw, &match?({:started, 2, _}, &1))
      eventually(fn -> File.read(file) == {:ok, "hi\n"} end, 30_000)
      unquote(ask).(raw)
      eventually(fn -> not os_alive?(reader) end, 30_000)
      assert File.read!(file) == "hi\nbye\n"
    end
  end

  test "what is refused" do
    {raw, _info} = greeted()
    say(raw, {:open_link, "a"})
    say(raw, {:open_link, "a"})
    assert next(raw) == {:refused, 0, :open_link, :link_in_use}
    say(raw, {:close_link, "b"})
    assert next(raw) == {:refused, 0, :close_link, :unknown_link}
    say(raw, {:open_link, String.duplicate("x", 256)})
    assert next(raw) == {:refused, 0, :open_link, :bad_request}
    start(raw, 1, ["/bin/cat"], %{stdin: {:link, "b"}})
    assert next(raw) == {:failed, 1, :pipe, :enoent, "b"}
    say(raw, {:shutdown})
    assert exit_status(raw) == 0
  end
end
