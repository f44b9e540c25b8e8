defmodule Contained.Job.Files do
  @moduledoc false
  # Where namespaces and their jobs are, and what their files say, as c_src/job has it. Files that somebody
  # else than we or root could have written are not believed.

  import Bitwise
  alias Contained.{Error, Result}
  alias Contained.Job.Record

  @system "/run/contained"
  @name ~r/\A[A-Za-z0-9._][A-Za-z0-9._-]{0,63}\z/
  # A result beyond that was not written by a keeper.
  @most_bytes 4 * 1024 * 1024

  @type entry :: %{job: Record.t(), result: Record.t() | nil}

  @spec valid_name?(term) :: boolean
  def valid_name?(name), do: is_binary(name) and name =~ @name and name not in [".", ".."]

  @doc "Names of the namespaces that there are."
  @spec namespaces() :: [binary]
  def namespaces do
    names = for home <- homes(), name <- names(home), directory(name) != :error, do: name
    names |> Enum.uniq() |> Enum.sort()
  end

  @doc "Names of the jobs of a namespace."
  @spec jobs(binary) :: [binary]
  def jobs(namespace) do
    case directory(namespace) do
      {:ok, path} -> path |> Path.join("jobs") |> names() |> Enum.sort()
      :error -> []
    end
  end

  defp names(path) do
    case File.ls(path) do
      {:ok, names} -> Enum.filter(names, &valid_name?/1)
      {:error, _reason} -> []
    end
  end

  @doc "What the files of a job say."
  @spec read(binary, binary) :: {:ok, entry} | {:error, Error.t()}
  def read(namespace, name) do
    with {:ok, path} <- job_directory(namespace, name),
         {:ok, job} <- record(Path.join(path, "job")) do
      {:ok, %{job: job, result: result(path, job)}}
    end
  end

  @doc "The same, read once more of a job that ended between the look at its files and that at its keeper."
  @spec look(binary, binary) :: {:ok, entry} | {:error, Error.t()}
  def look(namespace, name) do
    case read(namespace, name) do
      {:ok, entry} ->
        if state(entry) == :supervisor_died, do: read(namespace, name), else: {:ok, entry}

      {:error, %{reason: :enoent}} ->
        read(namespace, name)

      error ->
        error
    end
  end

  # One of a run before this one is not of this one.
  defp result(path, job) do
    with {:ok, result} <- record(Path.join(path, "result")),
         true <- Record.get(result, "started") == Record.get(job, "started") do
      result
    else
      _none -> nil
    end
  end

  @doc "The control socket of a job."
  @spec socket(binary, binary) :: {:ok, Path.t()} | {:error, Error.t()}
  def socket(namespace, name) do
    with {:ok, path} <- job_directory(namespace, name), do: {:ok, Path.join(path, "control")}
  end

  defp job_directory(namespace, name) do
    with {:ok, path} <- directory(namespace),
         path = Path.join([path, "jobs", name]),
         :ok <- trusted(path, :directory) do
      {:ok, path}
    else
      :error -> {:error, error(:enoent, "#{namespace} (no such namespace)")}
      {:error, reason} -> {:error, error(reason, "#{namespace}/#{name}")}
    end
  end

  defp directory(namespace) do
    path =
      Enum.find(Enum.map(homes(), &Path.join(&1, namespace)), &(trusted(&1, :directory) == :ok))

    if path, do: {:ok, path}, else: :error
  end

  defp record(path) do
    with :ok <- trusted(path, :regular),
         {:ok, text} when byte_size(text) <= @most_bytes <- File.read(path),
         {:ok, record} <- Record.parse(text) do
      {:ok, record}
    else
      {:error, reason} -> {:error, error(reason, path)}
      _no_record -> {:error, error(:einval, path)}
    end
  end

  defp trusted(path, type) do
    case File.lstat(path) do
      {:ok, %{type: ^type, uid: uid, mode: mode}} ->
        if ours?(uid, mode), do: :ok, else: {:error, :eperm}

      {:ok, %{type: :symlink}} ->
        {:error, :eloop}

      {:ok, _other} ->
        {:error, :einval}

      {:error, reason} ->
        {:error, reason}
    end
  end

  defp ours?(uid, mode), do: uid in [0, uid()] and (mode &&& 0o022) == 0

  defp error(reason, subject), do: %Error{stage: :file, reason: reason, subject: subject}

  ## Where they are

  defp homes do
    case {System.get_env("CONTAINED_RUNTIME_DIR", ""), uid()} do
      {"", 0} -> [@system]
      {"", _user} -> [@system, own()]
      {given, _anybody} -> [given]
    end
  end

  defp own do
    case System.get_env("XDG_RUNTIME_DIR", "") do
      "/" <> _ = path -> path <> "/contained"
      _unset -> "/tmp/contained-#{uid()}"
    end
  end

  defp uid, do: File.stat!("/proc/self").uid

  ## How a job is

  @type state :: :running | :finished | :supervisor_died | :rebooted

  @spec state(entry) :: state
  def state(%{result: result}) when result != nil, do: :finished

  def state(%{job: job}) do
    cond do
      Record.get(job, "boot_id") != boot_id() -> :rebooted
      alive?(job) -> :running
      true -> :supervisor_died
    end
  end

  defp boot_id, do: "/proc/sys/kernel/random/boot_id" |> File.read!() |> String.trim()

  defp alive?(job) do
    case File.read("/proc/#{Record.get(job, "guardian_pid")}/stat") do
      {:ok, stat} -> lives?(fields(stat), Record.get(job, "guardian_start"))
      {:error, _gone} -> false
    end
  end

  defp lives?([state | _] = fields, start),
    do: state not in ["Z", "X"] and Enum.at(fields, 19) == start

  # From the third field on, proc_pid_stat(5); the second, in brackets, may hold anything.
  defp fields(stat), do: stat |> String.split(")") |> List.last() |> String.split()

  @doc "What became of it."
  @spec result(entry) :: Result.t() | nil
  def result(%{result: nil}), do: nil

  def result(%{job: job, result: record}) do
    reason = reason(Record.get(record, "reason"))
    %{Result.new(Record.number(job, "os_pid"), ended(record, reason)) | reason: reason}
  end

  @doc "The same by the keeper's last word, `ended exited|signaled CODE REASON`; `nil` when that is none."
  @spec result_told(entry, binary) :: Result.t() | nil
  def result_told(%{job: job}, line) do
    with ["ended", how, code, reason] <- Record.words(line),
         {code, ""} <- Integer.parse(code) do
      exit = if how == "exited", do: {:exited, code}, else: {:signaled, code, false}
      Result.new(Record.number(job, "os_pid"), %{status: exit, reason: reason(reason)})
    else
      _other -> nil
    end
  end

  @reasons %{
    "exit" => :exit,
    "signal" => :signal,
    "oom" => :oom,
    "timeout" => :timeout,
    "stopped" => :stopped,
    "output_limit" => :output_limit,
    "supervisor_died" => :supervisor_died
  }

  defp reason(text), do: Map.get(@reasons, text, :signal)

  @numbers [:left_behind, :unkilled, :wall_us, :user_us, :system_us, :max_rss_kb, :memory_peak] ++
             [:oom_kills, :io_read, :io_written, :pids_peak, :log_dropped]

  defp ended(record, reason) do
    for key <- @numbers, number = Record.number(record, Atom.to_string(key)), into: %{} do
      {key, number}
    end
    |> Map.merge(%{status: exit_of(record), reason: reason})
    |> Map.put(:limits_hit, Map.get(record, "limit_hit", []))
    |> Map.put(:not_applied, Map.get(record, "not_applied", []))
  end

  defp exit_of(record) do
    case Record.number(record, "exited") do
      nil -> {:signaled, Record.number(record, "signaled"), Record.get(record, "core") == "1"}
      code -> {:exited, code}
    end
  end
end
