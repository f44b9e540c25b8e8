defmodule Contained.Options.Namespaces do
  @moduledoc false
  # The options about namespaces and mounts: the rows of the schema, what their types allow, and what
  # the port program is told.

  import Contained.Options.Values

  alias Contained.Executable

  @all [:cmd, :shell, :run, :stream, :start, :daemon]
  @names [:pid, :mount, :uts, :ipc, :net, :user, :cgroup, :time]
  @max_id 0xFFFFFFFF
  # The kernel's, user_namespaces(7).
  @max_maps 340
  @max_hostname 64
  # 34 years of milliseconds, as for a timeout.
  @max_offset 0x10000000000

  @spec names() :: [atom]
  def names, do: @names

  @spec rows() :: [tuple]
  def rows do
    for {name, type, default, doc} <- namespaces() ++ files() ++ others(),
        do: {name, type, default, doc, @all}
  end

  defp namespaces do
    [
      {:namespaces, {:namespaces, :names}, "[]",
       "namespaces(7) of the command's own: `:pid`, `:mount`, `:uts`, `:ipc`, `:net`, `:user`, `:cgroup`,\n" <>
         "`:time`. A new `:net` has the loopback interface, up, and no other; `:pid` and `:mount` together\n" <>
         "bring a `/proc` that shows only the command's processes. See the guide \"Isolation\""},
      {:pid_isolation, {:one_of, [false, true, :program]}, "false",
       "when true, the same as `namespaces: [:pid, :mount]`, and `:user` where the VM may not make them\n" <>
         "otherwise: the command sees its own processes only, and all of them die when it does, whatever\n" <>
         "happens to the VM. Pid 1 is an init of ours, which reaps and hands signals on. With `:program`\n" <>
         "the program is pid 1 itself: signals that it does not handle are ignored, and it has to reap"}
    ]
  end

  defp files do
    [
      {:root, {:namespaces, :path}, nil,
       "a directory that becomes `/` for the command, by pivot_root(2): nothing else is there any more.\n" <>
         "The program is looked for in it, and it begins in `/` unless `:cd` says where in it"},
      {:chroot, {:namespaces, :path}, nil,
       "the same by chroot(2), where pivot_root is impossible; a program with privileges gets out"},
      {:binds, {:namespaces, :binds}, "[]",
       "what the command is to see elsewhere: `[{\"/srv/data\", \"/data\", :ro}]`, a path of ours, one of\n" <>
         "the command's, and `:ro` (all that is mounted in it, too; the default) or `:rw`. The second has to\n" <>
         "exist, unless it is on a `:tmpfs`, and never leads out of `:root`"},
      {:tmpfs, {:namespaces, :tmpfs}, "[]",
       "where the command has an empty directory in memory: `[\"/tmp\", {\"/run\", \"16M\"}]`, with at most so\n" <>
         "many bytes; else half of the memory. `\"/\"` with `:root`, which is filled by `:binds` then"},
      {:read_only_root, :boolean, "false",
       "when true, nothing can be written but what `:binds` has with `:rw`, and `:tmpfs`"}
    ]
  end

  defp others do
    [
      {:network, {:namespaces, :network}, ":host",
       "`:none`: the loopback interface alone, up; `{:netns, path}`: the network of a file such as\n" <>
         "`/run/netns/blue`, see ip-netns(8)"},
      {:hostname, {:namespaces, :hostname}, nil,
       "the name of the machine as the command sees it"},
      {:time_offsets, {:namespaces, :clocks}, "none",
       "how many milliseconds clocks are ahead of the machine's for the command, also less than 0, where the\n" <>
         "clock stays above 0: `[monotonic: 0, boottime: 86_400_000]`. Brings `:time`. CLOCK_REALTIME is the same\n" <>
         "everywhere. See time_namespaces(7)"},
      {:uid_map, {:namespaces, :id_map}, "one id",
       "the users of a `:user` namespace, `[{inside, outside, count}]`. Without it there is one, the\n" <>
         "VM's, which has the number of `:user` inside, or its own. Ranges need root, or newuidmap(1) with\n" <>
         "an entry in /etc/subuid"},
      {:gid_map, {:namespaces, :id_map}, "one id", "the groups in the same way"}
    ]
  end

  ## Checking

  @spec check(atom, term) :: {:ok, term} | {:null_byte, binary} | :error
  def check(:names, names) when is_list(names) do
    if Enum.all?(names, &(&1 in @names)), do: {:ok, Enum.uniq(names)}, else: :error
  end

  def check(:path, <<?/, _::binary>> = path), do: without_null(path)
  def check(:binds, binds), do: all(binds, &bind/1)
  def check(:tmpfs, mounts), do: all(mounts, &tmpfs/1)
  def check(:network, network) when network in [:host, :none], do: {:ok, network}

  def check(:network, {:netns, path}) do
    with {:ok, path} <- check(:path, path), do: {:ok, {:netns, path}}
  end

  def check(:hostname, name) when is_binary(name) and byte_size(name) in 1..@max_hostname,
    do: without_null(name)

  def check(:clocks, [_ | _] = offsets) do
    if Enum.all?(offsets, &offset?/1) and Enum.uniq_by(offsets, &elem(&1, 0)) == offsets,
      do: {:ok, offsets},
      else: :error
  end

  def check(:id_map, maps) when is_list(maps) and length(maps) in 1..@max_maps,
    do: all(maps, &id_map/1)

  def check(_type, _value), do: :error

  defp without_null(text) do
    if :binary.match(text, "\0") == :nomatch, do: {:ok, text}, else: {:null_byte, text}
  end

  defp bind({source, target}), do: bind({source, target, :ro})

  defp bind({source, target, mode}) when mode in [:ro, :rw] and is_binary(source) do
    with true <- source != "" and target?(target), {:ok, source} <- without_null(source) do
      {:ok, {Executable.absolute(source), target, mode}}
    else
      false -> :error
      null_byte -> null_byte
    end
  end

  defp bind(_other), do: :error

  # A place beneath the root: as the port program demands.
  defp target?(<<?/, _::binary>> = path) do
    names = path |> Path.split() |> tl()

    names != [] and Enum.all?(names, &(&1 not in [".", ".."])) and
      match?({:ok, _}, without_null(path))
  end

  defp target?(_other), do: false

  defp tmpfs({target, size}) do
    with true <- target == "/" or target?(target), {:ok, bytes} <- size(size) do
      {:ok, {target, bytes}}
    else
      _wrong -> :error
    end
  end

  defp tmpfs(target), do: tmpfs({target, :default})

  defp size(:default), do: {:ok, :default}
  defp size(size), do: bytes(size)

  defp offset?({clock, ms}),
    do: clock in [:monotonic, :boottime] and ms in -@max_offset..@max_offset

  defp offset?(_other), do: false

  defp id_map({inside, outside, count} = map)
       when inside in 0..@max_id and outside in 0..@max_id and count in 1..@max_id,
       do: {:ok, map}

  defp id_map(_other), do: :error

  ## Words

  @spec allowed(atom) :: binary
  def allowed(:names), do: "a list of #{Enum.map_join(@names, ", ", &inspect/1)}"
  def allowed(:path), do: "an absolute path"

  def allowed(:binds),
    do: ~s(a list such as [{"/srv/data", "/data", :ro}] with :ro or :rw, the second path absolute)

  def allowed(:tmpfs),
    do: ~s(a list of absolute paths, or with a size, such as ["/tmp", {"/run", "16M"}])

  def allowed(:network), do: ~s(:host, :none, or {:netns, path} with an absolute path)
  def allowed(:hostname), do: "a name of 1 to #{@max_hostname} bytes"

  def allowed(:clocks),
    do: "a keyword list of :monotonic and :boottime with milliseconds, -2**40 to 2**40"

  def allowed(:id_map),
    do:
      "a list of {inside, outside, count}, such as [{0, 100_000, 65_536}], of at most #{@max_maps}"

  @spec typespec(atom) :: Macro.t()
  def typespec(:names), do: quote(do: [atom])
  def typespec(:path), do: quote(do: binary)
  def typespec(:binds), do: quote(do: [{binary, binary} | {binary, binary, :ro | :rw}])
  def typespec(:tmpfs), do: quote(do: [binary | {binary, binary | pos_integer}])
  def typespec(:network), do: quote(do: :host | :none | {:netns, binary})
  def typespec(:hostname), do: quote(do: binary)
  def typespec(:clocks), do: quote(do: [{:monotonic | :boottime, integer}])
  def typespec(:id_map), do: quote(do: [{non_neg_integer, non_neg_integer, pos_integer}])

  ## What the port program is told

  @as_they_are [
    :root,
    :chroot,
    :network,
    :hostname,
    :time_offsets,
    :uid_map,
    :gid_map,
    :read_only_root
  ]
  @mounting [:root, :chroot, :binds, :tmpfs, :read_only_root]

  @doc "The keys; raises `ArgumentError` for options that contradict each other."
  @spec spec(map) :: map
  def spec(options) do
    options = Map.reject(options, fn {_key, value} -> value in [[], false, :host] end)
    refuse_conflicts!(options)

    options
    |> Map.take([:binds, :tmpfs | @as_they_are])
    |> put_init(options)
    |> put_namespaces(options)
  end

  defp refuse_conflicts!(%{root: _, chroot: _}), do: cannot!(:root, :chroot)

  defp refuse_conflicts!(%{network: network, namespaces: names}) do
    if match?({:netns, _path}, network) and :net in names,
      do:
        raise(
          ArgumentError,
          ~s(cannot use "network: {:netns, path}" and a new :net of "namespaces")
        )
  end

  defp refuse_conflicts!(%{tmpfs: tmpfs} = options) do
    if List.keymember?(tmpfs, "/", 0) and not rooted?(options),
      do: raise(ArgumentError, ~s(cannot use "tmpfs" upon "/" without "root"))
  end

  defp refuse_conflicts!(_options), do: :ok

  defp cannot!(one, other), do: raise(ArgumentError, ~s(cannot use "#{one}" and "#{other}"))

  defp put_init(spec, %{pid_isolation: :program}), do: Map.put(spec, :pid_init, :program)
  defp put_init(spec, _options), do: spec

  defp put_namespaces(spec, options) do
    case Enum.uniq(Map.get(options, :namespaces, []) ++ Enum.flat_map(options, &brought_by/1)) do
      [] -> spec
      names -> Map.put(spec, :namespaces, names ++ by_way_of_user(options, names))
    end
  end

  defp brought_by({:pid_isolation, _how}), do: [:pid, :mount]
  defp brought_by({:hostname, _name}), do: [:uts]
  defp brought_by({:network, :none}), do: [:net]
  defp brought_by({:time_offsets, _offsets}), do: [:time]
  defp brought_by({key, _map}) when key in [:uid_map, :gid_map], do: [:user]
  defp brought_by({key, _value}) when key in @mounting, do: [:mount]
  defp brought_by(_other), do: []

  # What was asked for by its effect may be had in the way that is open. Groups that were named could
  # not be set in that way.
  defp by_way_of_user(options, names) do
    exact? = names -- Map.get(options, :namespaces, []) == []
    if exact? or :user in names or is_map_key(options, :groups), do: [], else: [:user_if_needed]
  end

  @doc """
  Of the ids for the start request those that can be: in a user namespace the groups that a user has
  outside mean nothing, only those that are named.
  """
  @spec ids(map, map, map) :: map
  def ids(ids, _spec, %{groups: _named}), do: ids

  def ids(ids, spec, _options),
    do: if(:user in Map.get(spec, :namespaces, []), do: Map.delete(ids, :groups), else: ids)

  @doc "Whether the command's paths are those of another root."
  @spec rooted?(map) :: boolean
  def rooted?(options), do: is_map_key(options, :root) or is_map_key(options, :chroot)
end
