defmodule Contained.Daemon.PidfileTest do
  use Contained.Case, async: true

  alias Contained.Daemon.Pidfile

  setup do
    dir = tmp_dir()
    {:ok, dir: dir, path: Path.join(dir, "x.pid")}
  end

  defp own_pid, do: String.to_integer(System.pid())

  # The number of a process that has lived.
  defp dead_pid do
    {:ok, %{os_pid: pid}} = Contained.run("true", [])
    pid
  end

  test "holds the number and a newline, and nothing is left beside it", %{dir: dir, path: path} do
    assert Pidfile.write(path, 4711) == :ok
    assert File.read!(path) == "4711\n"
    assert File.ls!(dir) == ["x.pid"]
  end

  test "is a new file each time, never one that is being written", %{path: path} do
    Pidfile.write(path, dead_pid())
    %{inode: inode} = File.stat!(path)
    {:ok, old} = File.open(path)
    assert Pidfile.write(path, 2) == :ok
    assert File.stat!(path).inode != inode
    refute IO.read(old, :line) == "2\n"
  end

  test "replaces what a dead process, or nobody, has left", %{path: path} do
    for left <- ["#{dead_pid()}\n", ""] do
      File.write!(path, left)
      assert Pidfile.write(path, 2) == :ok
      assert File.read!(path) == "2\n"
    end
  end

  test "is refused where a living process is", %{dir: dir, path: path} do
    File.write!(path, System.pid())
    assert Pidfile.write(path, 2) == {:error, :eexist}
    assert File.read!(path) == System.pid()
    assert File.ls!(dir) == ["x.pid"]
    assert Pidfile.write(path, own_pid()) == :ok
  end

  test "a process that is younger than the file has got a number that was free", %{path: path} do
    File.write!(path, System.pid())
    File.touch!(path, 1_000_000_000)
    assert Pidfile.write(path, 2) == :ok
  end

  test "links are not followed", %{dir: dir, path: path} do
    target = Path.join(dir, "target")
    File.write!(target, "1")
    File.ln_s!(target, path)
    assert Pidfile.write(path, 2) == {:error, :eloop}
    assert Pidfile.remove(path, 1) == :ok
    assert File.read!(path) == "1"
  end

  test "other files are not replaced", %{dir: dir, path: path} do
    for text <- ["precious", "12 13", String.duplicate("1", 100), "-1"] do
      File.write!(path, text)
      assert Pidfile.write(path, 2) == {:error, :eperm}
      assert File.read!(path) == text
    end

    assert Pidfile.write(dir, 2) == {:error, :eperm}
  end

  @tag skip: Contained.Needs.root()
  test "nor those of another user", %{path: path} do
    File.write!(path, "1")
    File.chown!(path, 12_345)
    assert Pidfile.write(path, 2) == {:error, :eperm}
  end

  test "a directory that is missing is an error", %{dir: dir} do
    assert Pidfile.write(Path.join(dir, "none/x"), 2) == {:error, :enoent}
  end

  test "is removed by who stands in it", %{path: path} do
    Pidfile.write(path, 2)
    assert Pidfile.remove(path, 3) == :ok
    assert File.exists?(path)
    assert Pidfile.remove(path, 2) == :ok
    refute File.exists?(path)
    assert Pidfile.remove(path, 2) == :ok
  end
end
