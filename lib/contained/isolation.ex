defmodule Contained.Isolation do
  @moduledoc false
  # What this machine has of namespaces and seals, and which process is an init of ours.

  alias Contained.{Error, Inquiry, Protocol}

  @typedoc "`true`: it goes; `:user`: together with a namespace of users; a version; else why not."
  @type verdict :: true | :user | pos_integer | {:error, binary}

  @namespaces ~w(pid mount uts ipc net user cgroup time)a
  @others ~w(pid_isolation seccomp landlock)a

  @doc """
  What commands can have here, as the port program has just found out by trying each in a child of
  its own: no sysctl tells of a seccomp profile, of AppArmor, or of a `/proc` that is masked.
  """
  @spec probe() :: {:ok | :error, %{namespaces: %{atom => verdict}, pid_isolation: verdict}}
  def probe do
    case Inquiry.ask(["--probe"]) do
      {:ok, 0, text} -> {:ok, verdicts(found(text))}
      {:ok, _status, _text} -> {:error, verdicts(%{})}
      {:error, error} -> {:error, verdicts(%{}, refusal(error))}
    end
  end

  defp verdicts(found, unknown \\ refusal(%Error{stage: :launcher, reason: :eproto})) do
    of = fn names -> Map.new(names, &{&1, Map.get(found, Atom.to_string(&1), unknown)}) end
    Map.put(of.(@others), :namespaces, of.(@namespaces))
  end

  defp found(text) do
    for line <- String.split(text, "\n", trim: true), into: %{} do
      [name | words] = String.split(line, " ", parts: 5, trim: true)
      {name, verdict(words)}
    end
  end

  defp verdict(["true"]), do: true
  defp verdict(["user"]), do: :user
  defp verdict([version]), do: String.to_integer(version)

  defp verdict(["error", stage, errno | subject]) do
    stage = String.to_existing_atom(stage)
    refusal(%Error{stage: stage, reason: Protocol.errno(errno), subject: List.first(subject)})
  end

  defp refusal(error), do: {:error, Exception.message(error)}

  @name "contained_init"

  @doc "Whether this process is pid 1 of a command's pid namespace, and ours."
  @spec init?(pos_integer, binary) :: boolean
  def init?(pid, name \\ @name)

  # As it calls itself, and as only the kernel can call it, proc_pid_status(5).
  def init?(pid, @name) do
    case File.read("/proc/#{pid}/status") do
      {:ok, "Name:\t" <> @name <> "\n" <> status} -> status =~ ~r/^NSpid:.*\t1$/m
      _other -> false
    end
  end

  def init?(_pid, _name), do: false
end
