defmodule Contained.Cgroup.NameTest do
  use ExUnit.Case, async: true

  alias Contained.Cgroup.Name

  # Case 72 of the torture list; the port program refuses them again.
  @attacks ["../..", "a/../../x", "/abs", "", ".", "..", "cgroup.procs", "tasks", "a\nb", "a\0b"] ++
             ["a/", "/", "a//b", ".hidden", "memory.max", "cpu.stat", "release_agent"] ++
             ["notify_on_release", "ü", "a b", "a\n", String.duplicate("x", 65)] ++
             [String.duplicate("x", 300), "a/./b", "x/cgroup.kill", "%2e%2e"]

  test "torture 72: attacks by names are refused" do
    for name <- @attacks do
      refute Name.valid?(name), inspect(name)
      assert Name.split(name, 5) == :error, inspect(name)
    end

    for other <- [nil, :a, 1, 'a', ["a"]], do: assert(Name.split(other, 5) == :error)
  end

  test "names" do
    for name <-
          ["a", "web-1", "A_b.c", "-", "x.y", "memory", "cgroups.x", "memory-max"] ++
            [String.duplicate("x", 64)] do
      assert Name.valid?(name), name
    end
  end

  test "paths" do
    assert Name.split("a", 1) == {:ok, ["a"]}
    assert Name.split("a/b/c/d", 4) == {:ok, ["a", "b", "c", "d"]}
    assert Name.split("a/b/c/d/e", 4) == :error
  end

  test "files" do
    for file <-
          ["memory.max", "cpu.cfs_quota_us", "hugetlb.2MB.max", "cgroup.freeze"] ++
            ["blkio.throttle.read_bps_device"] do
      assert Name.settable?(file), file
    end

    for file <- ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "cgroup.type"] do
      assert Name.file?(file)
      refute Name.settable?(file)
    end

    for file <-
          ["tasks", "release_agent", "../memory.max", "memory.max\n", "memory", "", ".x"] ++
            ["a/memory.max", "memory..max", "memory.max\0", nil, :"memory.max"] do
      refute Name.file?(file), inspect(file)
    end
  end
end
