defmodule Contained.Cgroup.Name do
  @moduledoc false
  # Names of control groups and of their files. The port program checks them again, and opens them
  # beneath the launcher's own tree only.

  @name ~r/\A[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}\z/
  # cgroup-v2.rst, "Avoid Name Collisions": a file is "<controller>.<knob>"; v1 adds three names.
  @v1_files ~w(tasks notify_on_release release_agent)
  @controllers ~w(cgroup cpu cpuacct cpuset memory io blkio pids hugetlb rdma misc dmem perf_event) ++
                 ~w(freezer devices net_cls net_prio irq debug)

  @file_name ~r/\A[a-z0-9_]{1,32}(\.[A-Za-z0-9_]{1,64}){1,4}\z/
  # They move processes or change what a group is, which is for the port program to do.
  @not_to_set ~w(cgroup.procs cgroup.threads cgroup.subtree_control cgroup.type)

  @doc "What a group may be called, for error messages."
  @spec allowed() :: binary
  def allowed,
    do:
      "1 to 64 of A-Z a-z 0-9 _ . - without a dot in front, and no name of a control group's file"

  @doc "Whether a group may be called that."
  @spec valid?(term) :: boolean
  def valid?(name), do: is_binary(name) and name =~ @name and not file_of_a_group?(name)

  defp file_of_a_group?(name) when name in @v1_files, do: true

  defp file_of_a_group?(name) do
    match?([owner, _knob] when owner in @controllers, String.split(name, ".", parts: 2))
  end

  @doc "The names of a path of at most `levels` of them, such as `a/b`."
  @spec split(term, pos_integer) :: {:ok, [binary]} | :error
  def split(path, levels) when is_binary(path) do
    names = String.split(path, "/")
    if length(names) <= levels and Enum.all?(names, &valid?/1), do: {:ok, names}, else: :error
  end

  def split(_other, _levels), do: :error

  @doc "Whether it may be the name of a group's file."
  @spec file?(term) :: boolean
  def file?(file), do: is_binary(file) and file =~ @file_name

  @doc "Whether it may be the name of a group's file that one may write to."
  @spec settable?(term) :: boolean
  def settable?(file), do: file?(file) and file not in @not_to_set

  @doc "Whether it may be the name of a controller."
  @spec controller?(term) :: boolean
  def controller?(name), do: is_binary(name) and name =~ ~r/\A[a-z0-9_]{1,32}\z/
end
