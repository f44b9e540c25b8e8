defmodule Contained.Isolation do
  @moduledoc false
  # What this machine has of namespaces, and which process is an init of ours.

  alias Contained.Error
  alias Contained.Options.Namespaces

  @cap_sys_admin 21

  @typedoc "`true`: by the VM's rights; `:user`: together with a namespace of users; else why not."
  @type verdict :: true | :user | {:error, binary}

  @doc "Which namespaces commands can have here, as far as /proc tells."
  @spec namespaces() :: %{atom => verdict}
  def namespaces do
    way = way()
    Map.new(Namespaces.names(), &{&1, verdict(&1, way)})
  end

  # How namespaces other than that of users are made.
  defp way do
    cond do
      privileged?() -> true
      words = Error.Isolation.refusal() -> {:error, words}
      true -> :user
    end
  end

  defp privileged? do
    with {:ok, status} <- File.read("/proc/self/status"),
         [_, set] <- Regex.run(~r/^CapEff:\s*([0-9a-f]+)$/m, status) do
      Bitwise.band(String.to_integer(set, 16), Bitwise.bsl(1, @cap_sys_admin)) != 0
    else
      _unknown -> false
    end
  end

  defp verdict(name, way) do
    cond do
      not File.exists?("/proc/self/ns/#{file(name)}") -> {:error, "the kernel has none"}
      none_allowed?(name) -> {:error, "the sysctl user.#{sysctl(name)} is 0"}
      name == :user -> Map.get(%{user: true}, way, way)
      true -> way
    end
  end

  defp none_allowed?(name) do
    case File.read("/proc/sys/user/#{sysctl(name)}") do
      {:ok, number} -> String.trim(number) == "0"
      {:error, _unknown} -> false
    end
  end

  defp sysctl(name), do: name |> Atom.to_string() |> Error.Isolation.sysctl()

  defp file(:mount), do: "mnt"
  defp file(name), do: name

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
