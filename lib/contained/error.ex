defmodule Contained.Error do
  @moduledoc """
  A command could not be started, or did not end well where that is an error.

    * `:reason` - a POSIX name (`:enoent`, `:eacces`, ...) or one of `:launcher_down`, `:noproc`,
      `:timeout`, `:exit_status`, ...
    * `:stage` - what was being done: `:exec`, `:env`, `:chdir`, `:cgroup`, `:limit`, `:user`, `:group`,
      `:groups`, `:ids`, `:rlimit`, `:nice`, `:oom_score_adj`, `:capabilities`, `:no_new_privs`, `:namespace`,
      `:mount`, `:id_map`, `:network`, `:seccomp`, `:landlock`, `:fork`, ..., `:container`, `:launcher`; of a daemon
      also `:ready`, `:notify`, `:lock`, `:pidfile` and `:status_file`; of a job `:job`
    * `:key` - at stage `:limit` the limit, such as `:memory`; `nil` for a raw setting
    * `:subject` - the path, key or value it concerns, or `nil`
    * `:result` - a `Contained.Result` when the command ran, or `nil`
  """

  alias Contained.Error.Advice
  alias Contained.{Limits, Signals}

  defexception [:reason, :stage, :key, :subject, :result]

  @type t :: %__MODULE__{
          reason: atom,
          stage: atom,
          key: atom,
          subject: binary | nil,
          result: Contained.Result.t() | nil
        }

  @doc false
  # As the port program tells it.
  @spec new(atom, atom, binary) :: t
  def new(stage, reason, subject) do
    %__MODULE__{stage: stage, reason: reason, key: key(stage, subject), subject: subject}
  end

  defp key(:limit, subject) do
    key = Limits.key(subject)
    if is_atom(key), do: key
  end

  defp key(_stage, _subject), do: nil

  @impl true
  def message(%__MODULE__{} = error) do
    error |> sentence() |> add(Advice.on(error))
  end

  defp add(sentence, nil), do: sentence
  defp add(sentence, advice), do: sentence <> ". " <> advice

  defp sentence(%{stage: :exit} = error), do: "#{what(error)} #{ending(error)}"
  defp sentence(%{stage: stage} = error), do: "#{doing(stage)}#{subject(error)}: #{why(error)}"

  defp what(%{subject: nil}), do: "the command"
  defp what(%{subject: subject}), do: inspect(subject)

  defp ending(%{result: %{reason: :exit, status: status}}), do: "exited with status #{status}"

  defp ending(%{result: %{exit: {:signaled, number, _core}, reason: :signal}}),
    do: "was killed by signal #{number} (#{Signals.name(number)})"

  defp ending(%{result: %{reason: :oom}}),
    do: "was killed by the kernel, its control group was out of memory"

  defp ending(%{result: %{reason: reason}}), do: "ended early (#{reason})"
  defp ending(%{reason: reason}), do: "ended early (#{reason})"

  @doing %{
    exec: "cannot execute",
    env: "cannot read variables from",
    chdir: "cannot change to the directory",
    cgroup: "cannot put the command into a control group",
    limit: "cannot set the limit",
    user: "cannot run the command as the user",
    group: "cannot run the command as the group",
    groups: "cannot run the command in the groups",
    ids: "cannot change the user or the groups of the command",
    rlimit: "cannot set the resource limit",
    nice: "cannot set the niceness of the command",
    oom_score_adj: "cannot set the :oom_score_adj of the command",
    capabilities: "cannot set the capabilities of the command",
    no_new_privs: "cannot set :no_new_privs",
    namespace: "cannot make the namespace",
    mount: "cannot mount for the command",
    id_map: "cannot map the ids of the user namespace:",
    network: "cannot enter the network",
    seccomp: "cannot apply the :seccomp filter",
    landlock: "cannot restrict the command to the :landlock paths",
    signal: "cannot reach the command",
    fork: "cannot create a process for the command",
    file: "cannot open",
    option: "cannot start the command with this option",
    pidfile: "cannot write the process id to the :pidfile",
    status_file: "cannot write what happens to the :status_file",
    lock: "cannot lock the file of :single_instance",
    notify: "cannot open the socket for what the daemon's program tells",
    ready: "the daemon did not become ready:",
    container: "cannot run the command in the container",
    job: "the job",
    launcher: "cannot run the command by the launcher"
  }

  defp doing(nil), do: "the command failed"

  defp doing(stage),
    do: Map.get(@doing, stage, "cannot prepare the command at stage #{inspect(stage)}")

  defp subject(%{subject: subject}) when subject in [nil, ""], do: ""
  defp subject(%{stage: stage, subject: name}) when stage in [:launcher, :job], do: " " <> name
  defp subject(%{stage: :ready, reason: :check_failed, subject: text}), do: " " <> text
  defp subject(%{subject: subject}), do: " " <> inspect(subject)

  @reasons %{
    already_running: "it is already running",
    not_running: "it is not running",
    supervisor_died: "its keeper was killed, and the job with it",
    rebooted: "it ran when the machine went down",
    launcher_down: "the launcher went down",
    noproc: "the launcher is not running",
    timeout: "it took too long",
    closed: "the command has ended",
    eshutdown: "it is shutting down",
    esrch: "the command has ended",
    eproto: "the port program does not answer as it should"
  }

  defp why(%{stage: :env, reason: :einval}),
    do: "expected lines NAME=value, or files that are named after variables (:einval)"

  defp why(%{stage: :ready, reason: :exit_status} = error), do: "it " <> ending(error)
  defp why(%{stage: :ready, reason: :check_failed}), do: "the function of :ready failed"

  defp why(%{stage: :container, reason: :noproc}), do: "it is not running"

  # Of a name that is looked up, or of a process, no file is missing.
  defp why(%{stage: stage, reason: :enoent}) when stage in [:user, :group, :groups],
    do: "there is none of that name (:enoent)"

  defp why(%{stage: :limit, reason: :enotsup}), do: "it does not exist on this machine (:enotsup)"

  defp why(%{stage: :limit, reason: :erange}),
    do: "the kernel makes another value of it (:erange)"

  defp why(%{reason: reason}) do
    case Map.get(@reasons, reason) || List.to_string(:file.format_error(reason)) do
      "unknown POSIX error" <> _ -> inspect(reason)
      text -> "#{text} (#{inspect(reason)})"
    end
  end

  @doc false
  # The `error_info` of `:erlang.error/3` for a reason raised bare.
  @spec info(t) :: map
  def info(%__MODULE__{} = error), do: %{module: __MODULE__, cause: error}

  @doc false
  # For `:erlang.error/3`: what stands under "Erlang error: :enoent" in a stack trace.
  @spec format_error(term, Exception.stacktrace()) :: %{optional(atom) => binary}
  def format_error(_reason, [{_module, _function, _args, info} | _]) do
    case info[:error_info] do
      %{cause: %__MODULE__{} = error} -> %{general: message(error), reason: message(error)}
      _other -> %{}
    end
  end

  def format_error(_reason, _stacktrace), do: %{}
end
