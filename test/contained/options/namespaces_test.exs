defmodule Contained.Options.NamespacesTest do
  use ExUnit.Case, async: true

  alias Contained.Command
  alias Contained.Options
  alias Contained.Options.Namespaces

  @keys [:namespaces, :pid_init, :hostname, :root, :chroot, :binds, :tmpfs] ++
          [:read_only_root, :network, :time_offsets, :uid_map, :gid_map]

  # What the port program is told.
  defp wire(opts), do: :cmd |> Options.parse!(opts) |> Namespaces.spec()

  defp refused(opts, message) do
    assert_raise ArgumentError, message, fn -> wire(opts) end
  end

  test "nothing asked, nothing told" do
    for opts <- [
          [],
          [namespaces: []],
          [pid_isolation: false, network: :host, binds: [], tmpfs: []]
        ],
        do: assert(wire(opts) == %{})
  end

  test "namespaces are exactly those that are named" do
    assert wire(namespaces: [:pid, :net, :pid]) == %{namespaces: [:pid, :net]}
    assert wire(namespaces: [:user]) == %{namespaces: [:user]}
  end

  test "what needs a namespace brings it, by way of one of users if need be" do
    for {opts, names} <- [
          {[pid_isolation: true], [:pid, :mount]},
          {[hostname: "x"], [:uts]},
          {[network: :none], [:net]},
          {[time_offsets: [boottime: 5]], [:time]},
          {[root: "/srv"], [:mount]},
          {[tmpfs: ["/tmp"]], [:mount]},
          {[read_only_root: true], [:mount]},
          {[namespaces: [:ipc], network: :none], [:ipc, :net]}
        ] do
      assert wire(opts).namespaces == names ++ [:user_if_needed]
    end

    assert wire(uid_map: [{0, 1, 2}]).namespaces == [:user]
    assert wire(namespaces: [:user], pid_isolation: true).namespaces == [:user, :pid, :mount]
  end

  test "groups that are named are not given up for a user namespace" do
    assert wire(pid_isolation: true, groups: [1]).namespaces == [:pid, :mount]

    assert Namespaces.ids(%{groups: [1]}, %{namespaces: [:user]}, %{groups: [1]}) == %{
             groups: [1]
           }

    assert Namespaces.ids(%{uid: 1, groups: [1]}, %{namespaces: [:user]}, %{}) == %{uid: 1}
    assert Namespaces.ids(%{groups: [1]}, %{}, %{}) == %{groups: [1]}
  end

  test "who is pid 1" do
    assert wire(pid_isolation: :program).pid_init == :program
    refute Map.has_key?(wire(pid_isolation: true), :pid_init)
  end

  test "binds and tmpfs" do
    assert wire(binds: [{"/a", "/b"}, {"/c/../d", "/e", :rw}]).binds ==
             [{"/a", "/b", :ro}, {"/c/../d", "/e", :rw}]

    assert [{source, "/b", :ro}] = wire(binds: [{"a", "/b"}]).binds
    assert source == Path.join(File.cwd!(), "a")

    assert wire(tmpfs: ["/a", {"/b", 10}, {"/c", "2M"}]).tmpfs ==
             [{"/a", :default}, {"/b", 10}, {"/c", 2_097_152}]

    assert wire(root: "/r", tmpfs: ["/"]).tmpfs == [{"/", :default}]
  end

  test "what is wrong is refused" do
    for {name, value} <- [
          namespaces: [:pod],
          namespaces: :pid,
          pid_isolation: :yes,
          root: "relative",
          root: 1,
          binds: [{"/a", "b"}],
          binds: [{"/a", "/"}],
          binds: [{"/a", "/b/../c"}],
          binds: [{"/a", "/b", :rx}],
          binds: %{},
          tmpfs: "/tmp",
          tmpfs: ["tmp"],
          tmpfs: [{"/tmp", 0}],
          tmpfs: [{"/tmp", "1Q"}],
          network: :lo,
          network: {:netns, "blue"},
          hostname: "",
          hostname: String.duplicate("x", 65),
          uid_map: [],
          uid_map: [{0, 0, 0}],
          gid_map: [{-1, 0, 1}]
        ] do
      refused([{name, value}], ~r/invalid value for option #{inspect(name)}: expected /)
    end

    refused([root: "/a\0"], ~r/has a null byte/)
    refused([hostname: "a\0"], ~r/has a null byte/)
  end

  test "clocks that are not" do
    for wrong <- [
          [],
          [realtime: 1],
          [monotonic: 1.5],
          [monotonic: 1, monotonic: 2],
          [boottime: 1_099_511_627_777]
        ],
        do: refused([time_offsets: wrong], ~r/invalid value for option :time_offsets: expected /)
  end

  test "what contradicts itself is refused" do
    refused([root: "/a", chroot: "/b"], ~s(cannot use "root" and "chroot"))
    refused([tmpfs: ["/"]], ~s(cannot use "tmpfs" upon "/" without "root"))

    refused(
      [network: {:netns, "/n"}, namespaces: [:net]],
      ~s(cannot use "network: {:netns, path}" and a new :net of "namespaces")
    )
  end

  test "a program in a root of its own is not looked for here" do
    for kind <- [:cmd, :start, :daemon] do
      {:ok, command} = Command.new(kind, "no-such", [], root: "/srv")
      assert %{program: "no-such", path: "/" <> _} = command.spec
      {:ok, command} = Command.new(kind, "/no/such", [], root: "/srv")
      assert command.spec.program == "/no/such"
      assert Command.check(command) == :ok
    end

    assert_raise ArgumentError, ~r/"arg0"/, fn ->
      Command.new(:cmd, "x", [], root: "/srv", arg0: "y")
    end

    assert {:error, %{stage: :exec, reason: :enoent}} = Command.new(:cmd, "a/b", [], root: "/srv")
  end

  test "every kind of command has them" do
    for kind <- [:cmd, :shell, :run, :stream, :start, :daemon],
        key <- [:pid_isolation | @keys] -- [:pid_init],
        do: assert(Options.docs(kind) =~ "`#{inspect(key)}` - ")
  end
end
