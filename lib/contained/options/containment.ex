defmodule Contained.Options.Containment do
  @moduledoc false
  # The options about control groups and about who a command is, as `Contained.Options.Schema` has
  # them.

  alias Contained.Options.Seal

  @all [:cmd, :shell, :run, :stream, :start, :daemon]

  @spec rows() :: [tuple]
  def rows do
    rows = groups() ++ muon_trap() ++ who() ++ Seal.rows()
    for({name, type, default, doc} <- rows, do: {name, type, default, doc, @all}) ++ names()
  end

  defp groups do
    [
      {:limits, :limits, nil,
       "what the command and its descendants may use together: `:memory`, `:cpu`, `:pids`, `:io`\n" <>
         "and more, such as `[memory: \"64M\", cpu: 0.5, pids: 100]`. See the guide \"Limits\""},
      {:cgroup_group, :group_path, ~s("default"),
       "the control group that the command's own is made in, one name or up to four joined by\n" <>
         "`/`. Commands of one launcher that give the same one share it, and its limits"},
      {:group_limits, :limits, nil, "limits of that shared group, with the keys of `:limits`"},
      {:cgroup_name, :group_name, "a number",
       "the name of the command's own control group, which may be in use once at a time"},
      {:settings, :settings, nil,
       "raw settings of the command's own control group, written after `:limits`:\n" <>
         "`[{\"memory\", \"memory.high\", \"32M\"}]`, that is controller, file and value"},
      {:on_unsupported, {:one_of, [:error, :ignore]}, ":error",
       "what becomes of a limit that does not exist on this machine: the command is not started,\n" <>
         "or it runs without, which `Contained.Result` tells in `:not_applied`"},
      {:keep_cgroup, :boolean, "false",
       "when true, the command's control group stays until its launcher ends, for its files to\n" <>
         "be read"},
      {:delegate_cgroup, :boolean, "false",
       "when true, the command's own control group (v2) is given to the `:user`, who may\n" <>
         "make groups in it"}
    ]
  end

  defp muon_trap do
    [
      {:cgroup_path, :own_path, nil,
       "as in MuonTrap: the path of the command's own control group, of which the last name is its\n" <>
         "`:cgroup_name` and the others its `:cgroup_group`. It is below the launcher's own tree"},
      {:cgroup_base, :group_path, nil,
       "as in MuonTrap: the path in which the command's own control group is made, which is\n" <>
         "its `:cgroup_group`"},
      {:cgroup, :muon_trap, nil,
       "as in MuonTrap 2: limits as a map, `%{memory_max: 64_000_000, cpu_max: {50_000, 100_000}}`"},
      {:cgroup_controllers, :controllers, nil,
       "as in MuonTrap 1: the controllers that the command's own control group is to have"},
      {:cgroup_sets, :settings, nil,
       "as in MuonTrap 1: another form of `:settings`, written before it"}
    ]
  end

  defp who do
    [
      {:user, :id, "the user of the VM",
       "the user to run the command as, a name or a number. Its groups are those of the user, and\n" <>
         "`HOME`, `USER` and `LOGNAME` are set for it unless `:env` does or `:clear_env` is given"},
      {:group, :id, "that of the user",
       "the (Unix) group to run the command as, a name or a number"},
      {:groups, :ids, "those of the user",
       "all the supplementary groups, names or numbers. With `:group` alone there are none"},
      {:umask, {:range, 0, 0o777}, "that of the VM",
       "the mask of file permissions, such as `0o027`"},
      {:nice, {:range, -20, 19}, "that of the VM",
       "the niceness; below the VM's takes privileges"},
      {:oom_score_adj, {:range, -1000, 1000}, "that of the VM",
       "how readily the kernel kills the command when memory is short, 1000 most readily"},
      {:rlimits, :rlimits, nil,
       "limits of each process, by the names of getrlimit(2):\n" <>
         "`[nofile: 256, core: 0, as: \"1G\", cpu: {10, :infinity}]`, one number or soft and hard"},
      {:no_new_privs, :boolean, "false",
       "when true, neither set-user-ID programs such as `sudo` nor file capabilities give the\n" <>
         "command privileges"},
      {:capabilities, :capabilities, nil,
       "capabilities(7) to lose, `[drop: :all]` or `[drop: [:net_raw]]`, to have alone,\n" <>
         "`[keep: [:chown]]`, and to have in spite of `:user`, `[ambient: [:net_bind_service]]`"}
    ]
  end

  defp names do
    [
      {:uid, :id, nil, "another name of `:user`", @all, stands_for: :user},
      {:gid, :id, nil, "another name of `:group`", @all, stands_for: :group}
    ]
  end
end
