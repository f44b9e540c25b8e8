defmodule Contained.EnvironmentTest do
  use ExUnit.Case, async: false

  alias Contained.Environment

  describe "diff/2" do
    test "nothing changed" do
      assert Environment.diff([{~c"A", ~c"1"}], [{~c"A", ~c"1"}]) == []
    end

    test "added, changed, removed" do
      base = [{~c"KEEP", ~c"k"}, {~c"OLD", ~c"o"}, {~c"VALUE", ~c"1"}]
      now = [{~c"VALUE", ~c"2"}, {~c"KEEP", ~c"k"}, {~c"NEW", ~c"n"}]

      assert Enum.sort(Environment.diff(base, now)) ==
               [{"NEW", "n"}, {"OLD", nil}, {"VALUE", "2"}]
    end

    test "an empty value is a value" do
      assert Environment.diff([{~c"A", ~c"1"}], [{~c"A", ~c""}]) == [{"A", ""}]
    end

    test "the order of variables does not matter" do
      assert Environment.diff([{~c"A", ~c"1"}, {~c"B", ~c"2"}], [{~c"B", ~c"2"}, {~c"A", ~c"1"}]) ==
               []
    end

    test "text is encoded as the VM does" do
      assert Environment.diff([], [{~c"K", [233]}]) == [{"K", "é"}]
    end

    test "a changed PATH has the directories of the VM taken out" do
      base = [{~c"BINDIR", ~c"/erl/erts/bin"}, {~c"PATH", ~c"/bin"}, {~c"ROOTDIR", ~c"/erl"}]
      path = fn path -> [{~c"PATH", path} | List.keydelete(base, ~c"PATH", 0)] end

      assert [{"PATH", "/x:/bin"}] =
               Environment.diff(base, path.(~c"/x:/erl/erts/bin:/erl/bin:/bin"))

      assert [{"PATH", "/usr/bin"}] =
               Environment.diff(base, path.(~c"/erl/erts/bin:/erl/bin:/usr/bin"))

      assert [{"PATH", "/y"}] = Environment.diff(base, path.(~c"/y"))
      assert [{"PATH", ""}] = Environment.diff(base, path.(~c"/erl/erts/bin:/erl/bin"))
      assert [{"PATH", ":/y:"}] = Environment.diff(base, path.(~c":/y:"))
    end
  end

  test "changes/1 sees what System.put_env did since the snapshot" do
    base = Environment.snapshot()
    assert Environment.changes(base) == []
    System.put_env("CONTAINED_ENV_TEST", "ü")
    on_exit(fn -> System.delete_env("CONTAINED_ENV_TEST") end)
    assert Environment.changes(base) == [{"CONTAINED_ENV_TEST", "ü"}]
    set = Environment.snapshot()
    System.delete_env("CONTAINED_ENV_TEST")
    assert Environment.changes(base) == []
    assert Environment.changes(set) == [{"CONTAINED_ENV_TEST", nil}]
  end

  describe "pick/1" do
    test "takes the variables of these names, PATH without the VM's own directories" do
      assert Environment.pick(["HOME", "NOT_SET"]) == [{"HOME", System.get_env("HOME")}]
      assert [{"PATH", path}] = Environment.pick(["PATH"])
      refute path =~ to_string(:code.root_dir())
    end
  end

  describe "explicit!/1" do
    test "takes any enumerable of pairs" do
      assert Environment.explicit!(%{"A" => "1"}) == [{"A", "1"}]
      assert Environment.explicit!([{"A", nil}, {"B", ""}]) == [{"A", nil}, {"B", ""}]
    end

    test "refuses what System.cmd/3 refuses, in the same way" do
      assert_raise ArgumentError, "invalid environment key-value :a", fn ->
        Environment.explicit!([:a])
      end

      assert_raise FunctionClauseError, fn -> Environment.explicit!([{:a, "1"}]) end
      assert_raise FunctionClauseError, fn -> Environment.explicit!([{"a", 1}]) end
      assert_raise UnicodeConversionError, fn -> Environment.explicit!([{"a", <<255>>}]) end
      assert_raise Protocol.UndefinedError, fn -> Environment.explicit!(1) end
    end

    test "names that cannot be" do
      for name <- ["", "A=B", "A\0"] do
        message =
          "invalid environment variable name #{inspect(name)}: " <>
            "it must not be empty nor contain \"=\" or a null byte"

        assert_raise ArgumentError, message, fn -> Environment.explicit!([{name, "1"}]) end
        assert_raise ArgumentError, message, fn -> Environment.explicit!([{name, nil}]) end
      end
    end

    test "a value with a null byte" do
      message = "invalid value of environment variable \"A\", it has a null byte: \"x\\0\""
      assert_raise ArgumentError, message, fn -> Environment.explicit!([{"A", "x\0"}]) end
    end
  end
end
