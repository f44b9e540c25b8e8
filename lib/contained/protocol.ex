defmodule Contained.Protocol do
  @moduledoc false
  # The bytes are described in c_src/protocol/README.md. Requests are encoded without the
  # length prefix: `{:packet, 4}` adds it.

  @version 1

  @typedoc "Chosen by the launcher, 1 to 2^31-1."
  @type id :: 1..0x7FFFFFFF
  @type fd :: 0 | 3..63
  @type stream :: :stdout | :stderr | 3..63
  @type ladder :: [{1..64, non_neg_integer}]

  @typedoc "What may be asked about a running command, or of its control group."
  @type operation ::
          :path
          | :stats
          | :processes
          | :limits
          | :freeze
          | :thaw
          | :kill
          | :threads
          | :places
          | {:set_limits, [{binary, binary}]}
          | {:migrate, pos_integer}
          | {:get, binary}
          | {:set, binary, binary}
          | {:resize, 1..65_535, 1..65_535}

  @typedoc "What may be asked about a parent group as well."
  @type group_operation :: operation | :make | :remove | :watch | :unwatch

  @typedoc "Chosen by the launcher for a `control` request, 0 to 2^31-1."
  @type control :: 0..0x7FFFFFFF

  @type event ::
          {:hello, pos_integer, map}
          | {:started, id, pos_integer}
          | {:failed, id, stage :: atom, errno :: atom, binary}
          | {:output, id, 1..63, binary}
          | {:closed, id, stream}
          | {:input_credit, id, non_neg_integer}
          | {:input_credit, id, fd, non_neg_integer}
          | {:input_closed, id, atom}
          | {:input_closed, id, fd, atom}
          | {:signaled, id, atom}
          | {:stuck, id}
          | {:orphan_exit, id, pos_integer, {:exited, 0..255} | {:signaled, 1..64, boolean}}
          | {:ended, id, map}
          | {:answer, id | 0, control, {:ok, term} | {:error, atom, atom, binary}}
          | {:group_event, binary, :populated | :empty | :oom | :limit_hit, map}
          | {:refused, id | 0, atom, atom}
          | {:pong, non_neg_integer}
          | {:vm_signal, pos_integer}

  @max_request 8 * 1024 * 1024

  @doc "No request may be longer than this many bytes."
  @spec max_request() :: pos_integer
  def max_request, do: @max_request

  @spec version() :: pos_integer
  def version, do: @version

  @spec hello() :: iodata
  def hello, do: encode({:hello, @version})

  @spec start(id, map) :: iodata
  def start(id, spec), do: encode({:start, id, spec})

  @doc "`fd` is the command's descriptor, 0 for stdin."
  @spec input(id, fd, binary) :: iodata
  def input(id, 0, chunk), do: encode({:input, id, chunk})
  def input(id, fd, chunk), do: encode({:input, id, fd, chunk})

  @spec close_input(id, fd) :: iodata
  def close_input(id, 0), do: encode({:close_input, id})
  def close_input(id, fd), do: encode({:close_input, id, fd})

  @spec credit(id, stream, pos_integer) :: iodata
  def credit(id, stream, bytes), do: encode({:credit, id, stream, bytes})

  @spec signal(id, integer, :all | :leader) :: iodata
  def signal(id, number, target), do: encode({:signal, id, number, target})

  @spec stop(id, :default | ladder) :: iodata
  def stop(id, ladder), do: encode({:stop, id, ladder})

  @spec sweep(control) :: iodata
  def sweep(ref), do: encode({:sweep, ref})

  @spec control(id, control, operation) :: iodata
  def control(id, ref, operation), do: encode({:control, id, ref, operation})

  @spec group_control(control, binary, group_operation) :: iodata
  def group_control(ref, path, operation), do: encode({:group_control, ref, path, operation})

  @spec open_link(binary) :: iodata
  def open_link(name), do: encode({:open_link, name})

  @spec close_link(binary) :: iodata
  def close_link(name), do: encode({:close_link, name})

  @spec ping(non_neg_integer) :: iodata
  def ping(number), do: encode({:ping, number})

  @spec shutdown() :: iodata
  def shutdown, do: encode({:shutdown})

  # An iovec refers to a chunk of input instead of copying it.
  defp encode(request), do: :erlang.term_to_iovec(request)

  @doc """
  Decodes one event. The payload of `output` is a sub-binary of the frame: whoever keeps a small
  part of it for long should copy that part.
  """
  @spec decode(binary) :: {:ok, event} | :error
  def decode(
        <<131, 104, 4, 119, 6, "output", 98, id::32, 97, stream, 109, size::32,
          data::binary-size(size)>>
      ),
      do: {:ok, {:output, id, stream, data}}

  def decode(frame) do
    {:ok, :erlang.binary_to_term(frame, [:safe])}
  rescue
    ArgumentError -> :error
  end

  # `binary_to_term(frame, [:safe])` makes no atom, so each one that may come up has to be in this
  # module's own table.
  @doc false
  @spec atoms() :: [atom]
  def atoms, do: events() ++ keys() ++ values() ++ stages() ++ reasons() ++ errnos()

  defp events do
    [:hello, :started, :failed, :output, :closed, :input_credit, :input_closed] ++
      [
        :signaled,
        :stuck,
        :orphan_exit,
        :ended,
        :answer,
        :group_event,
        :refused,
        :pong,
        :vm_signal
      ]
  end

  defp keys do
    [:version, :guardian, :worker, :containment, :cgroup, :refused, :status, :reason] ++
      [:left_behind, :unkilled, :wall_us, :user_us, :system_us, :max_rss_kb] ++
      [:stdout_bytes, :stderr_bytes, :memory_peak, :oom_kills, :io_read, :io_written] ++
      [:pids_peak, :not_applied, :limits_hit, :limits] ++
      [:pid, :ppid, :start_time, :state, :name, :command] ++ [:count, :limit]
  end

  defp values do
    [:ok, true, false, :stdout, :stderr, :exited, :signaled, :exit, :signal, :timeout] ++
      [:stopped, :output_limit, :oom, nil, :cgroup2, :hybrid, :cgroup1, :best_effort, :none] ++
      [:clone3, :pidfd_open, :close_range, :splice, :openat2, :cwd] ++
      [:start, :input, :close_input, :credit, :stop, :control, :ping, :shutdown, :""] ++
      [:open_link, :close_link] ++
      [:group_control, :populated, :empty, :limit_hit, :memory, :pids]
  end

  defp stages do
    [:none, :option, :cgroup, :pipe, :fork, :stdio, :session, :rlimit, :signal, :chdir] ++
      [:exec, :file, :protocol, :limit, :ids, :nice, :oom_score_adj, :capabilities] ++
      [:no_new_privs, :namespace, :mount, :id_map, :network, :seccomp, :landlock, :container]
  end

  defp reasons do
    [:bad_request, :bad_spec, :bad_id, :id_in_use, :unknown_id, :bad_credit, :not_piped] ++
      [:window_exceeded, :shutting_down, :link_in_use, :unknown_link, :no_link]
  end

  @errnos ~w(
    e2big eacces eaddrinuse eaddrnotavail eadv eafnosupport eagain ealready ebade ebadf ebadfd
    ebadmsg ebadr ebadrqc ebadslt ebfont ebusy ecanceled echild echrng ecomm econnaborted
    econnrefused econnreset edeadlk edestaddrreq edom edotdot edquot eexist efault efbig
    ehostdown ehostunreach ehwpoison eidrm eilseq einprogress eintr einval eio eisconn eisdir
    eisnam ekeyexpired ekeyrejected ekeyrevoked el2hlt el2nsync el3hlt el3rst elibacc elibbad
    elibexec elibmax elibscn elnrng eloop emediumtype emfile emlink emsgsize emultihop
    enametoolong enavail enetdown enetreset enetunreach enfile enoano enobufs enocsi enodata
    enodev enoent enoexec enokey enolck enolink enomedium enomem enomsg enonet enopkg enoprotoopt
    enospc enosr enostr enosys enotblk enotconn enotdir enotempty enotnam enotrecoverable
    enotsock enotsup enotty enotuniq enxio eopnotsupp eoverflow eownerdead eperm epfnosupport
    epipe eproto eprotonosupport eprototype erange eremchg eremote eremoteio erestart erfkill
    erofs eshutdown esocktnosupport espipe esrch esrmnt estale estrpipe etime etimedout
    etoomanyrefs etxtbsy euclean eunatch eusers ewouldblock exdev exfull
  )a

  defp errnos, do: @errnos

  @errnos_by_name Map.new(@errnos, &{Atom.to_string(&1), &1})

  @doc "The errno of that name."
  @spec errno(binary) :: atom
  def errno(name), do: Map.get(@errnos_by_name, name, :einval)
end
