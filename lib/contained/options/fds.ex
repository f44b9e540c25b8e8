defmodule Contained.Options.Fds do
  @moduledoc false
  # The option `:fds`: descriptors of the command beyond stdin, stdout and stderr.

  @first 3
  @last 63

  @type t :: [{3..63, :output | :input | {:input, iodata} | :null | :stdout | :stderr}]

  @spec allowed() :: binary
  def allowed do
    "pairs of a number from #{@first} to #{@last}, each once, and one of :output, :input, " <>
      "{:input, iodata}, :null, :stdout, :stderr, such as [{3, :output}]"
  end

  @spec check(term) :: {:ok, t} | :error
  def check(fds) when is_map(fds) and not is_struct(fds), do: check(Enum.sort(fds))

  def check(fds) when is_list(fds) do
    numbers = for {number, _kind} <- fds, do: number
    if Enum.all?(fds, &fd?/1) and Enum.uniq(numbers) == numbers, do: {:ok, fds}, else: :error
  end

  def check(_other), do: :error

  defp fd?({number, kind}) when number in @first..@last, do: kind?(kind)
  defp fd?(_other), do: false

  defp kind?({:input, data}), do: iodata?(data)
  defp kind?(kind), do: kind in [:output, :input, :null, :stdout, :stderr]

  defp iodata?(data) do
    IO.iodata_length(data) >= 0
  rescue
    ArgumentError -> false
  end

  @doc "What the port program is told."
  @spec spec(map) :: map
  def spec(%{fds: [_ | _] = fds}), do: %{fds: Enum.map(fds, &wire/1)}
  def spec(_options), do: %{}

  defp wire({number, {:input, _data}}), do: {number, :input}
  defp wire(fd), do: fd

  @doc "What is written to descriptors from the start."
  @spec inputs(map) :: [{3..63, iodata}]
  def inputs(options),
    do: for({number, {:input, data}} <- Map.get(options, :fds, []), do: {number, data})
end
