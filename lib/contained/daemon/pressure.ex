defmodule Contained.Daemon.Pressure do
  @moduledoc false
  # `pause_above:` and `resume_below:` - whether the machine is too busy for a daemon.
  #
  # Between the two nothing changes: a program that is paused makes room, and would at once be
  # resumed and paused again otherwise.

  @proc "/proc"
  @resources [:cpu, :memory, :io]

  @allowed "a load such as 4.0, {:load, 4.0}, or a percentage of waiting such as {:psi, :cpu, 50}, " <>
             "where the kernel counts it, and resume_below no higher than pause_above"

  @enforce_keys [:source, :above, :below]
  defstruct [:source, :above, :below]

  @type source :: :load | {:psi, :cpu | :memory | :io}
  @opaque t :: %__MODULE__{source: source, above: number, below: number}

  @doc """
  Checks both options, in a map or a keyword list; nil for neither. The error says what they may be.

  Without `:resume_below` it is the same as `:pause_above`.
  """
  @spec parse(map | keyword, Path.t()) :: {:ok, t | nil} | {:error, binary}
  def parse(opts, proc \\ @proc) do
    opts = Map.new(opts)
    parse(opts[:pause_above], opts[:resume_below], proc)
  end

  defp parse(nil, nil, _proc), do: {:ok, nil}
  defp parse(above, nil, proc), do: parse(above, above, proc)

  defp parse(above, below, proc) do
    with {source, high} <- threshold(above),
         {^source, low} when low <= high <- threshold(below),
         {:ok, _now} <- read(source, proc) do
      {:ok, %__MODULE__{source: source, above: high, below: low}}
    else
      _wrong -> {:error, @allowed}
    end
  end

  @doc "What the options may be."
  @spec allowed() :: binary
  def allowed, do: @allowed

  defp threshold({:load, load}) when is_number(load) and load >= 0, do: {:load, load}
  defp threshold(load) when is_number(load), do: threshold({:load, load})

  defp threshold({:psi, resource, percent})
       when resource in @resources and is_number(percent) and percent >= 0 and percent <= 100,
       do: {{:psi, resource}, percent}

  defp threshold(_other), do: :error

  @doc "Where the machine stands now; `:between` also when it cannot be told."
  @spec check(t, Path.t()) :: :above | :below | :between
  def check(%__MODULE__{above: above, below: below} = pressure, proc \\ @proc) do
    case read(pressure.source, proc) do
      {:ok, now} when now > above -> :above
      {:ok, now} when now < below or below == above -> :below
      _between_or_unknown -> :between
    end
  end

  # proc_loadavg(5): the first number is that of the last minute.
  defp read(:load, proc), do: number(Path.join(proc, "loadavg"), ~r/^([0-9.]+)/)

  # Documentation/accounting/psi.rst: the share of the last ten seconds in which some task waited.
  defp read({:psi, resource}, proc),
    do: number(Path.join([proc, "pressure", "#{resource}"]), ~r/^some avg10=([0-9.]+)/)

  defp number(path, regex) do
    with {:ok, text} <- File.read(path),
         [_all, number] <- Regex.run(regex, text),
         {number, _rest} <- Float.parse(number) do
      {:ok, number}
    else
      _unreadable -> :error
    end
  end
end
