defmodule Contained.ExecutableTest do
  use Contained.Case, async: false

  alias Contained.Executable

  setup do
    path = System.get_env("PATH")
    on_exit(fn -> System.put_env("PATH", path) end)
    %{dir: tmp_dir()}
  end

  defp found_by_erlang(name) do
    case :os.find_executable(String.to_charlist(name)) do
      false -> :error
      path -> {:ok, path |> List.to_string() |> Path.expand()}
    end
  end

  test "finds what :os.find_executable/1 finds", %{dir: dir} do
    script(dir, "plain", "", 0o644)
    script(dir, "tool", "")
    File.mkdir_p!(Path.join(dir, "sub"))
    script(Path.join(dir, "sub"), "tool", "")
    System.put_env("PATH", "/nowhere:#{dir}:/usr/bin:/bin")

    for name <- ["tool", "sub/tool", "plain", "sub", "true", "no-such", "./tool", "../bin/true"] do
      expected = found_by_erlang(name)
      assert with({:ok, path} <- Executable.find(name), do: {:ok, Path.expand(path)}) == expected
    end

    assert Executable.find("tool") == {:ok, Path.join(dir, "tool")}
  end

  test "the first that is an executable regular file wins", %{dir: dir} do
    for name <- ["a", "b", "c", "d"], do: File.mkdir_p!(Path.join(dir, name))
    File.mkdir_p!(Path.join(dir, "a/tool"))
    script(Path.join(dir, "b"), "tool", "", 0o644)
    script(Path.join(dir, "c"), "tool", "")
    script(Path.join(dir, "d"), "tool", "")
    System.put_env("PATH", Enum.map_join(["a", "b", "c", "d"], ":", &Path.join(dir, &1)))
    assert Executable.find("tool") == {:ok, Path.join(dir, "c/tool")}
  end

  test "empty and dot entries of PATH are the working directory", %{dir: dir} do
    script(dir, "here", "")

    for path <- ["", ".", "/nowhere:", ":/nowhere", "/nowhere::/other"] do
      System.put_env("PATH", path)
      assert File.cd!(dir, fn -> Executable.find("here") end) == {:ok, Path.join(dir, "here")}
    end
  end

  test "nothing is found without a PATH, nor under an empty name" do
    System.delete_env("PATH")
    assert Executable.find("true") == :error
    System.put_env("PATH", "/bin")
    assert Executable.find("") == :error
  end

  test "an absolute path is taken as it is" do
    assert Executable.find("/no/such") == {:ok, "/no/such"}
  end

  test "check/1 says what execve would", %{dir: dir} do
    file = script(dir, "file", "", 0o644)
    loop = Path.join(dir, "loop")
    File.ln_s!(loop, loop)

    assert Executable.check(script(dir, "good", "")) == :ok
    assert Executable.check(Path.join(dir, "missing")) == {:error, :enoent}
    assert Executable.check(file) == {:error, :eacces}
    assert Executable.check(Path.join(file, "below")) == {:error, :enotdir}
    assert Executable.check(loop) == {:error, :eloop}
    assert Executable.check("/" <> String.duplicate("x", 300)) == {:error, :enametoolong}
  end

  test "absolute/1 joins with the working directory of the VM", %{dir: dir} do
    File.cd!(dir, fn ->
      assert Executable.cwd() == dir
      assert Executable.absolute("x/../y") == dir <> "/x/../y"
      assert Executable.absolute("/x") == "/x"
    end)
  end
end
