defmodule Contained.Options.SealTest do
  # :seccomp and :landlock, and what becomes of them in a start request.
  use ExUnit.Case, async: true

  alias Contained.{Command, Options, Seccomp}

  defp spec(opts) do
    {:ok, command} = Command.new(:run, "/bin/true", [], opts)
    Map.take(command.spec, [:seccomp, :landlock])
  end

  defp refused(opts, message) do
    assert_raise ArgumentError, message, fn -> Command.new(:cmd, "true", [], opts) end
  end

  defp rules(profile) do
    %{seccomp: %{rules: rules}} = spec(seccomp: profile)
    Map.new(rules)
  end

  test "every kind of command takes them" do
    for kind <- [:cmd, :shell, :run, :stream, :start, :daemon] do
      assert %{seccomp: %{default: :allow}, landlock: [read: "/usr"]} =
               Options.parse!(kind, seccomp: :default, landlock: [read: "/usr"])
    end
  end

  describe "seccomp" do
    test "crosses the port by names" do
      assert spec(
               seccomp: [
                 {:default, {:errno, :enosys}},
                 {:allow, [:read, "write", {:socket, [{0, :==, 1}, {1, {:&, 15}, 2}]}]},
                 {{:errno, :eacces}, [:open]}
               ]
             ) == %{
               seccomp: %{
                 default: {:errno, :enosys},
                 rules: [
                   {:allow, ["read", "write", {"socket", [{0, :eq, 1}, {1, {:mask, 15}, 2}]}]},
                   {{:errno, :eacces}, ["open"]}
                 ]
               }
             }
    end

    test "deny stands for EPERM, and what is done in any case for nothing" do
      assert rules(deny: [:ptrace], allow: [:read]) == %{{:errno, :eperm} => ["ptrace"]}
      assert rules(default: :kill, kill: [:ptrace], log: [:read]) == %{log: ["read"]}
      assert rules(deny: [:ptrace, "ptrace"]) == %{{:errno, :eperm} => ["ptrace"]}
    end

    test "all comparisons" do
      for {op, name} <- [==: :eq, !=: :ne, <: :lt, <=: :le, >=: :ge, >: :gt] do
        assert rules(kill: [{:x, [{5, op, 7}]}]) == %{kill: [{"x", [{5, name, 7}]}]}
      end
    end

    test "the default filter is an explicit one" do
      assert spec(seccomp: :default) == spec(seccomp: Seccomp.default())
      rules = rules(:default)
      assert "mount" in rules[{:errno, :eperm}]
      assert rules[{:errno, :enosys}] == ["clone3"]
      assert {"clone", [{0, {:mask, 0x10000000}, 0x10000000}]} in rules[{:errno, :eperm}]
    end

    test "the documentation names each call of the default filter" do
      {:docs_v1, _, _, _, %{"en" => doc}, _, _} = Code.fetch_docs(Seccomp)

      for {action, rules} when action != :default <- Seccomp.default(), rule <- rules do
        name = if is_tuple(rule), do: elem(rule, 0), else: rule
        assert doc =~ "`#{name}`", name
      end
    end

    test "the default filter may be changed" do
      changed = rules(base: :default, allow: [:chroot, :clone], deny: [:socket], kill: [:reboot])
      denied = changed[{:errno, :eperm}]
      assert "socket" in denied and "mount" in denied
      refute "chroot" in denied or "reboot" in denied
      refute Enum.any?(denied, &match?({"clone", _}, &1))
      assert changed[:kill] == ["reboot"]
    end

    test "says what is wrong" do
      for wrong <- [
            :strict,
            [],
            [:ptrace],
            [deny: :ptrace],
            [deny: ["Ptrace"]],
            [deny: [""]],
            [deny: [:a | :b]],
            [default: :log],
            [default: {:errno, :enosuch}],
            [base: :docker],
            [deny: [{:a, [{6, :==, 0}]}]],
            [deny: [{:a, [{0, :and, 0}]}]],
            [deny: [{:a, [{0, :==, -1}]}]],
            [deny: [{:a, [{0, :==, 1}, :b]}]]
          ] do
        refused([seccomp: wrong], ~r/^invalid value for option :seccomp: expected :default, or a/)
      end
    end

    test "says what contradicts itself" do
      refused([seccomp: [deny: [:a], kill: [:a]]], ~r/: "a" is treated in two ways/)
      refused([seccomp: [deny: [:a, {:a, [{0, :==, 1}]}]]], ~r/: "a" is treated in two ways/)

      refused(
        [seccomp: [allow: [{:a, [{0, :==, 1}]}]]],
        ~r/"a" has conditions for what is done in/
      )

      refused(
        [seccomp: [deny: [{:a, [{0, :>, 1}, {0, :<, 5}]}]]],
        ~r/one argument of "a" has two/
      )
    end
  end

  describe "landlock" do
    test "crosses the port as pairs" do
      assert spec(landlock: [read: ["/usr", "/lib"], write: "/tmp", read: "/etc"]) ==
               %{landlock: [read: "/usr", read: "/lib", write: "/tmp", read: "/etc"]}
    end

    test "says what is wrong" do
      for wrong <- [
            [],
            [read: []],
            [read: ["usr"]],
            [read: [:usr]],
            [execute: ["/usr"]],
            ["/usr"],
            "/usr"
          ] do
        refused(
          [landlock: wrong],
          ~r/^invalid value for option :landlock: expected a list such as/
        )
      end

      refused([landlock: [read: ["/a\0b"]]], ~S(option :landlock has a null byte, got: "/a\0b"))
    end
  end

  test "privileges cannot be kept" do
    refused(
      [seccomp: :default, no_new_privs: false],
      ~s(cannot use "no_new_privs: false" and "seccomp")
    )
  end
end
