defmodule Contained.Error do
  @moduledoc """
  A command could not be started, or did not end well where that is an error.

    * `:reason` - a POSIX name (`:enoent`, `:eacces`, ...) or one of `:launcher_down`, `:noproc`,
      `:timeout`, `:exit_status`, ...
    * `:stage` - what was being done: `:exec`, `:chdir`, `:cgroup`, `:fork`, ..., `:launcher`
    * `:subject` - the path, key or value it concerns, or `nil`
    * `:result` - a `Contained.Result` when the command ran, or `nil`
  """

  defexception [:reason, :stage, :subject, :result]

  @type t :: %__MODULE__{
          reason: atom,
          stage: atom,
          subject: binary | nil,
          result: Contained.Result.t() | nil
        }

  @impl true
  def message(%__MODULE__{} = error) do
    error |> sentence() |> add(advice(error))
  end

  defp add(sentence, nil), do: sentence
  defp add(sentence, advice), do: sentence <> ". " <> advice

  defp sentence(%{stage: :exit} = error), do: "#{what(error)} #{ending(error)}"
  defp sentence(%{stage: stage} = error), do: "#{doing(stage)}#{subject(error)}: #{why(error)}"

  defp what(%{subject: nil}), do: "the command"
  defp what(%{subject: subject}), do: inspect(subject)

  defp ending(%{result: %{reason: :exit, status: status}}), do: "exited with status #{status}"

  defp ending(%{result: %{exit: {:signaled, number, _core}, reason: :signal}}),
    do: "was killed by signal #{number} (#{Contained.Signals.name(number)})"

  defp ending(%{result: %{reason: reason}}), do: "ended early (#{reason})"
  defp ending(%{reason: reason}), do: "ended early (#{reason})"

  defp doing(:exec), do: "cannot execute"
  defp doing(:chdir), do: "cannot change to the directory"
  defp doing(:cgroup), do: "cannot put the command into a control group"
  defp doing(:fork), do: "cannot create a process for the command"
  defp doing(:option), do: "cannot start the command with this option"
  defp doing(:launcher), do: "cannot run the command by the launcher"
  defp doing(nil), do: "the command failed"
  defp doing(stage), do: "cannot prepare the command at stage #{inspect(stage)}"

  defp subject(%{subject: subject}) when subject in [nil, ""], do: ""
  defp subject(%{stage: :launcher, subject: name}), do: " " <> name
  defp subject(%{subject: subject}), do: " " <> inspect(subject)

  @reasons %{
    launcher_down: "the launcher went down",
    noproc: "the launcher is not running",
    timeout: "it took too long",
    closed: "the command has ended",
    eshutdown: "it is shutting down"
  }

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

  defp advice(%{stage: :exec, reason: :enoent, subject: <<?/, _::binary>>}),
    do: "Neither it nor, for a script, the interpreter of its first line may be missing"

  defp advice(%{stage: :exec, reason: :enoent}),
    do: "Look for it in PATH, or give an absolute path"

  defp advice(%{stage: :exec, reason: :eacces}),
    do: "It must be a file, executable by the user of the VM"

  defp advice(%{stage: :exec, reason: :enoexec}),
    do: "A script needs a #! line, or run its interpreter and give it as an argument"

  defp advice(%{stage: :exec, reason: :e2big}),
    do: "Arguments and environment are too large, pass data with the :input option"

  defp advice(%{stage: :chdir}), do: "Check the :cd option"

  defp advice(%{stage: :cgroup}),
    do: "Contained.info/0 shows which control groups the launcher may use"

  defp advice(%{stage: :launcher, reason: :noproc}),
    do: "Start it under a supervisor, or use launcher: :dedicated"

  defp advice(_error), do: nil
end
