defmodule Contained.IdentityTest do
  # A port program of the test's own answers `--identity`.
  use Contained.Case, async: false

  import Contained.FakePort, only: [use_program: 1]

  alias Contained.{Command, Error, Identity}

  # Writes down what it is asked; answers what stands in the file.
  @script """
  #!/bin/sh
  dir=$(dirname "$0")
  for word; do echo "$word" >>"$dir/asked"; done
  cat "$dir/answer"
  exit $(cat "$dir/status")
  """

  setup do
    dir = tmp_dir()
    use_program(script(dir, "identity", @script))
    %{dir: dir}
  end

  defp answer(dir, text, status \\ 0) do
    File.write!(Path.join(dir, "answer"), text)
    File.write!(Path.join(dir, "status"), "#{status}")
  end

  defp asked(dir), do: dir |> Path.join("asked") |> File.read!() |> String.split("\n", trim: true)

  @nobody "uid 65534\ngid 65534\ngroups 65534\nname nobody\nhome /non existent\n"

  test "a user has the groups and the home of that user", %{dir: dir} do
    answer(dir, @nobody)
    assert {:ok, {ids, env}} = Identity.resolve(%{user: "nobody"})
    assert ids == %{uid: 65_534, gid: 65_534, groups: [65_534]}
    assert env == [{"HOME", "/non existent"}, {"USER", "nobody"}, {"LOGNAME", "nobody"}]
    assert asked(dir) == ["--identity", "user=nobody"]
  end

  test "a number is looked up for its groups and its home", %{dir: dir} do
    answer(dir, @nobody)
    assert {:ok, {%{gid: 65_534}, [_, _, _]}} = Identity.resolve(%{user: 65_534})
    assert asked(dir) == ["--identity", "user=65534"]
  end

  test "a number without an entry has no home", %{dir: dir} do
    answer(dir, "uid 7\ngid 8\n")
    assert {:ok, {ids, env}} = Identity.resolve(%{user: 7, group: 8})
    assert ids == %{uid: 7, gid: 8, groups: []}
    assert env == [{"HOME", nil}, {"USER", nil}, {"LOGNAME", nil}]
  end

  test "groups that are given replace those of the user", %{dir: dir} do
    answer(dir, "uid 1\ngid 2\ngroups 5 6\nname x\nhome /x\n")
    assert {:ok, {%{groups: [5, 6]}, _}} = Identity.resolve(%{user: "x", groups: ["audio", 6]})
    assert asked(dir) == ["--identity", "user=x", "groups=audio,6"]
    assert {:ok, {%{groups: []}, _}} = Identity.resolve(%{user: "x", groups: []})
    assert {:ok, {%{groups: [9]}, _}} = Identity.resolve(%{user: "x", groups: [9]})
  end

  test "a group alone keeps no supplementary groups", %{dir: dir} do
    answer(dir, "gid 29\n")
    assert Identity.resolve(%{group: "audio"}) == {:ok, {%{gid: 29, groups: []}, []}}
    assert asked(dir) == ["--identity", "group=audio"]
  end

  test "what is known already is not looked up", %{dir: dir} do
    assert Identity.resolve(%{}) == {:ok, {%{}, []}}
    assert Identity.resolve(%{group: 1}) == {:ok, {%{gid: 1, groups: []}, []}}
    assert Identity.resolve(%{groups: [3]}) == {:ok, {%{groups: [3]}, []}}

    known = %{user: 1, group: 2, groups: [3]}
    expected = {:ok, {%{uid: 1, gid: 2, groups: [3]}, []}}
    assert Identity.resolve(Map.put(known, :clear_env, true)) == expected
    env = for name <- ~w(HOME USER LOGNAME), do: {name, "x"}
    assert Identity.resolve(Map.put(known, :env, env)) == expected
    refute File.exists?(Path.join(dir, "asked"))
  end

  test "a variable that the caller sets stays", %{dir: dir} do
    answer(dir, @nobody)
    opts = [user: "nobody", env: [{"HOME", "/mine"}, {"X", "1"}]]
    {:ok, command} = Command.new(:run, "/bin/true", [], opts)

    assert command.spec.env ==
             [{"USER", "nobody"}, {"LOGNAME", "nobody"}, {"HOME", "/mine"}, {"X", "1"}]

    assert %{uid: 65_534, gid: 65_534, groups: [65_534]} = command.spec
  end

  test "an empty environment stays empty", %{dir: dir} do
    answer(dir, @nobody)
    {:ok, command} = Command.new(:run, "/bin/true", [], user: "nobody", clear_env: true)
    refute Map.has_key?(command.spec, :env)
  end

  test "a name that is none", %{dir: dir} do
    for {field, stage} <- [{"user", :user}, {"group", :group}, {"groups", :groups}] do
      answer(dir, "error #{field} enoent no one\n", 1)

      assert {:error, %Error{stage: ^stage, reason: :enoent, subject: "no one"} = error} =
               Contained.run("true", [], user: "no-one")

      assert Exception.message(error) =~ "there is none of that name (:enoent)"
    end

    assert catch_error(Contained.cmd("true", [], user: "no-one")) == :enoent
  end

  test "a number without an entry needs a group", %{dir: dir} do
    answer(dir, "error group einval 4711\n", 1)
    assert {:error, error} = Identity.resolve(%{user: 4711})
    assert %Error{stage: :group, reason: :einval, subject: "4711"} = error
    assert Exception.message(error) =~ "needs the :group option"
  end

  test "an answer that is none", %{dir: dir} do
    answer(dir, "segmentation fault\n", 139)
    assert {:error, %Error{stage: :user, reason: :eproto}} = Identity.resolve(%{user: "x"})
    answer(dir, "error\n", 1)
    assert {:error, %Error{stage: :groups, reason: :eproto}} = Identity.resolve(%{groups: ["x"]})
  end

  test "no program to ask" do
    use_program("/nowhere/contained_port")
    assert {:error, %Error{stage: :launcher, reason: :enoent}} = Identity.resolve(%{user: "x"})
    dir = tmp_dir()
    use_program(script(dir, "unusable", "", 0o600))
    assert {:error, %Error{stage: :launcher, reason: :eacces}} = Identity.resolve(%{user: "x"})
  end

  test "the mailbox and the links of the caller stay as they are", %{dir: dir} do
    answer(dir, @nobody)
    Process.flag(:trap_exit, true)
    send(self(), :mine)
    assert {:ok, _} = Identity.resolve(%{user: "nobody"})
    assert Process.info(self(), :messages) == {:messages, [:mine]}
    assert Process.info(self(), :monitors) == {:monitors, []}
  end
end
