defmodule Contained.ErrorTest do
  use ExUnit.Case, async: true

  alias Contained.{Error, Result}

  defp message(fields), do: Exception.message(struct!(Error, fields))

  test "says what failed, with what, and what to do" do
    assert message(reason: :enoent, stage: :exec, subject: "foo") ==
             "cannot execute \"foo\": no such file or directory (:enoent). " <>
               "Look for it in PATH, or give an absolute path"

    assert message(reason: :enoent, stage: :exec, subject: "/foo") ==
             "cannot execute \"/foo\": no such file or directory (:enoent). " <>
               "Neither it nor, for a script, the interpreter of its first line may be missing"

    assert message(reason: :enotdir, stage: :chdir, subject: "/x") ==
             "cannot change to the directory \"/x\": not a directory (:enotdir). " <>
               "Check the :cd option"

    assert message(reason: :noproc, stage: :launcher, subject: "Some.Name") ==
             "cannot run the command by the launcher Some.Name: the launcher is not running (:noproc). " <>
               "Start it under a supervisor, or use launcher: :dedicated"
  end

  test "orphans have their own advice" do
    assert message(reason: :enotsup, stage: :option, subject: "orphans") =~
             "with pid_isolation: true"
  end

  test "every stage of the port program has a message" do
    for stage <-
          ~w(option cgroup pipe fork stdio session rlimit signal chdir exec file)a ++
            ~w(limit ids nice oom_score_adj capabilities no_new_privs user group groups)a do
      assert message(reason: :eperm, stage: stage) =~ "(:eperm)"
    end
  end

  describe "a limit" do
    test "has its key, if it is one of ours" do
      assert %Error{key: :memory, subject: "memory"} = Error.new(:limit, :einval, "memory")
      assert %Error{key: nil, subject: "memory.high"} = Error.new(:limit, :einval, "memory.high")
      assert %Error{key: nil} = Error.new(:chdir, :enoent, "memory")
    end

    test "says what to do" do
      assert message(reason: :enotsup, stage: :limit, subject: "io") ==
               "cannot set the limit \"io\": it does not exist on this machine (:enotsup). " <>
                 "No control group that the launcher may use has it, see Contained.Cgroup.info/0. " <>
                 "A service of systemd needs Delegate=yes and DelegateSubgroup=, or take_over: true. " <>
                 "With on_unsupported: :ignore the command runs without"

      for reason <- ~w(einval erange ebusy enodev enospc eacces eperm erofs)a do
        assert message(reason: reason, stage: :limit) =~ ~r/\(:#{reason}\)\. [A-Z]/
      end
    end
  end

  test "who says what to do" do
    assert message(reason: :enoent, stage: :user, subject: "nobdy") ==
             "cannot run the command as the user \"nobdy\": there is none of that name (:enoent). " <>
               "Check the name, or give a number"

    assert message(reason: :eperm, stage: :ids) =~ "has to run as root"
    assert message(reason: :einval, stage: :group, subject: "7") =~ "needs the :group option"
    assert message(reason: :eperm, stage: :rlimit, subject: "nofile") =~ ":rlimits must stay"
  end

  test "an unknown reason is shown as it is" do
    assert message(reason: :errno_999, stage: :fork) ==
             "cannot create a process for the command: :errno_999"
  end

  test "a command that ended badly" do
    exit = %Result{reason: :exit, status: 3, exit: {:exited, 3}}
    killed = %Result{reason: :signal, status: 137, exit: {:signaled, 9, false}}

    assert message(reason: :exit_status, stage: :exit, subject: "make", result: exit) ==
             "\"make\" exited with status 3"

    assert message(reason: :signal, stage: :exit, subject: "make", result: killed) ==
             "\"make\" was killed by signal 9 (kill)"

    assert message(reason: :oom, stage: :exit, subject: "x", result: %Result{reason: :oom}) ==
             "\"x\" was killed by the kernel, its control group was out of memory"

    assert message(reason: :timeout, stage: :exit, result: %Result{reason: :timeout}) ==
             "the command ended early (timeout)"
  end

  test "stands in the message of the error raised for it" do
    error = %Error{reason: :enoent, stage: :exec, subject: "foo"}

    {exception, _stacktrace} =
      try do
        :erlang.error(error.reason, [], error_info: Error.info(error))
      catch
        :error, reason -> Exception.blame(:error, reason, __STACKTRACE__)
      end

    assert %ErlangError{original: :enoent} = exception
    assert Exception.message(exception) =~ "cannot execute \"foo\": no such file or directory"
  end
end
