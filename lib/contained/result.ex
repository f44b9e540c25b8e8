defmodule Contained.Result do
  @moduledoc """
  How a command ended.

    * `:stdout`, `:stderr` - what was collected; `nil` for a stream that was not captured
    * `:fds` - what was written to each `:output` of the option `:fds`, by its number
    * `:status` - the exit code, or 128 plus the number of the signal, as `System.cmd/3` says it;
      `nil` when it is not known
    * `:exit` - the same without loss: `{:exited, code}` or
      `{:signaled, number, core_dumped?}`; `nil` when it is not known
    * `:reason` - why it ended:
      * `:exit` - by itself
      * `:signal` - by a signal that Contained did not send
      * `:oom` - by the kernel, because its control group was out of memory (see `:limits`)
      * `:timeout` - its `:timeout` was over
      * `:stopped` - it was stopped
      * `:output_limit` - it wrote more than `:max_output`
      * `:watchdog` - the program of a daemon was silent for longer than its `:watchdog`
      * `:launcher_down` - its launcher went away, and the command with it
    * `:os_pid` - of the command; `nil` when the launcher went away before it was known
    * `:left_behind` - how many descendants were alive when the command exited
    * `:unkilled` - how many of them survived SIGKILL, 0 but for kernel trouble
    * `:orphans` - with `orphans: true` of `Contained.run/3`, or of `Contained.start/3` and
      `Contained.Process.await/2`: the descendants whose parent had died before them, as `{os_pid, exit}`
      in the order of their ends, `exit` as above
    * `:usage` - `:wall_us`, `:user_us`, `:system_us` in microseconds, `:max_rss_kb` the peak
      memory of the largest process, `:stdout_bytes`, `:stderr_bytes`. Where the kernel counts
      them for the control group, also `:memory_peak` (bytes), `:oom_kills`, `:io_read` and
      `:io_written` (bytes), `:pids_peak`; and of a `Contained.Job` `:log_dropped`, bytes of its output that could
      not be logged
    * `:not_applied` - the limits, or files of settings, that do not exist on this machine and were
      left out, as `on_unsupported: :ignore` allows
    * `:limits_hit` - the limits that have held it back: `:memory` (pages had to be reclaimed, or the kernel has killed;
      `memory.events` or `memory.failcnt`), `:pids` (a fork was refused; `pids.events`), `:cpu` (it was throttled; `cpu.stat`)
  """

  defstruct [
    :stdout,
    :stderr,
    :status,
    :exit,
    :reason,
    :os_pid,
    left_behind: 0,
    unkilled: 0,
    usage: %{},
    not_applied: [],
    limits_hit: [],
    orphans: [],
    fds: %{}
  ]

  @type reason ::
          :exit
          | :signal
          | :oom
          | :timeout
          | :stopped
          | :output_limit
          | :watchdog
          | :launcher_down

  @typedoc "How a process ended."
  @type exit :: {:exited, 0..255} | {:signaled, 1..64, core_dumped :: boolean}

  @type t :: %__MODULE__{
          stdout: Collectable.t() | nil,
          stderr: Collectable.t() | nil,
          status: non_neg_integer | nil,
          exit: exit | nil,
          reason: reason,
          os_pid: pos_integer | nil,
          left_behind: non_neg_integer,
          unkilled: non_neg_integer,
          usage: %{optional(atom) => non_neg_integer},
          not_applied: [atom | binary],
          limits_hit: [:memory | :pids | :cpu],
          orphans: [{pos_integer, exit}],
          fds: %{optional(3..63) => binary}
        }

  @usage [:wall_us, :user_us, :system_us, :max_rss_kb, :stdout_bytes, :stderr_bytes] ++
           [:memory_peak, :oom_kills, :io_read, :io_written, :pids_peak, :log_dropped]

  @doc false
  @spec new(pos_integer | nil, map | :launcher_down) :: t
  def new(os_pid, :launcher_down), do: %__MODULE__{os_pid: os_pid, reason: :launcher_down}

  def new(os_pid, %{status: exit, reason: reason} = ended) do
    %__MODULE__{
      os_pid: os_pid,
      exit: exit,
      status: status(exit),
      reason: reason,
      left_behind: Map.get(ended, :left_behind, 0),
      unkilled: Map.get(ended, :unkilled, 0),
      usage: Map.take(ended, @usage),
      not_applied: ended |> Map.get(:not_applied, []) |> Enum.map(&Contained.Limits.key/1),
      limits_hit: ended |> Map.get(:limits_hit, []) |> Enum.map(&Contained.Limits.key/1)
    }
  end

  defp status({:exited, code}), do: code
  defp status({:signaled, number, _core_dumped?}), do: 128 + number
end
