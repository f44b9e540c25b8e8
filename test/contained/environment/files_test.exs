defmodule Contained.Environment.FilesTest do
  use Contained.Case, async: true

  alias Contained.Environment.Files
  alias Contained.Error

  setup do
    %{dir: tmp_dir()}
  end

  defp file(dir, text) do
    path = Path.join(dir, "env")
    File.write!(path, text)
    path
  end

  describe "a file" do
    test "has a variable in each line", %{dir: dir} do
      text = """
      # a comment
      ; another

      PLAIN=value
        TRIMMED =  with blanks inside \t
      EMPTY=
      EQUALS=a=b
      DOUBLE="  kept  "
      SINGLE='#no comment'
      HALF="open
      QUOTE="
      CRLF=x\r
      """

      assert Files.file(file(dir, text <> "LAST=no newline")) ==
               {:ok,
                [{"PLAIN", "value"}, {"TRIMMED", "with blanks inside"}, {"EMPTY", ""}] ++
                  [{"EQUALS", "a=b"}, {"DOUBLE", "  kept  "}, {"SINGLE", "#no comment"}] ++
                  [{"HALF", "\"open"}, {"QUOTE", "\""}, {"CRLF", "x"}, {"LAST", "no newline"}]}
    end

    test "D15: a bad line is an error with its number", %{dir: dir} do
      for line <- ["NOTHING", "=x", "1A=x", "A B=x", "A=\0"] do
        path = file(dir, "A=1\n\n#{line}\nB=2\n")
        assert {:error, %Error{stage: :env, reason: :einval} = error} = Files.file(path)
        assert error.subject == "#{path}:3"
      end

      path = file(dir, "X")

      assert Exception.message(elem(Files.file(path), 1)) ==
               ~s(cannot read variables from "#{path}:1": expected lines NAME=value, or files ) <>
                 "that are named after variables (:einval)"
    end

    test "that cannot be read says why", %{dir: dir} do
      assert {:error, %Error{reason: :enoent}} = Files.file(Path.join(dir, "none"))
      assert {:error, %Error{reason: :eisdir}} = Files.file(dir)
      assert {:error, %Error{reason: :einval}} = Files.file("/dev/zero")
    end
  end

  describe "a directory" do
    test "has a file for each variable", %{dir: dir} do
      files = [
        {"PLAIN", "value\n"},
        {"UNTERMINATED", "value"},
        {"TRIMMED", " value \t \nsecond line\n"},
        {"LINES", "one\0two\n"},
        {"REMOVED", ""},
        {"BLANK", "\n"},
        {".hidden", "x"}
      ]

      for {name, text} <- files, do: File.write!(Path.join(dir, name), text)

      assert Files.dir(dir) ==
               {:ok,
                [
                  {"BLANK", ""},
                  {"LINES", "one\ntwo"},
                  {"PLAIN", "value"},
                  {"REMOVED", nil},
                  {"TRIMMED", " value"},
                  {"UNTERMINATED", "value"}
                ]}
    end

    test "with something else in it is an error that names it", %{dir: dir} do
      assert {:error, %Error{reason: :enoent}} = Files.dir(Path.join(dir, "none"))
      File.mkdir_p!(Path.join(dir, "SUB"))
      assert {:error, %Error{reason: :eisdir, subject: subject}} = Files.dir(dir)
      assert Path.basename(subject) == "SUB"
      File.rmdir!(Path.join(dir, "SUB"))
      File.write!(Path.join(dir, "A=B"), "x")
      assert {:error, %Error{reason: :einval}} = Files.dir(dir)
    end
  end

  @tag :port
  test "what is set later wins: the directory, the file, the list", %{dir: dir} do
    env_dir = Path.join(dir, "dir")
    File.mkdir_p!(env_dir)
    for name <- ~w(A B C), do: File.write!(Path.join(env_dir, name), "dir")
    opts = [env_dir: env_dir, env_file: file(dir, "B=file\nC=file"), env: [{"C", "list"}]]
    line = "echo $A $B $C ${HOME-none}"
    assert Contained.shell(line, [clear_env: true] ++ opts) == {"dir file list none\n", 0}
    assert {:error, %Error{stage: :env}} = Contained.run("true", [], env_file: "/no/such")
    assert catch_error(Contained.cmd("true", [], env_dir: "/no/such")) == :enoent
  end
end
