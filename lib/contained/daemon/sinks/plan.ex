defmodule Contained.Daemon.Sinks.Plan do
  @moduledoc false
  # Which commands a daemon's sinks need, and the links between them.
  #
  #     nothing but :logger, or tee      stdout comes to the daemon
  #     {:fd, 1} alone                   stdout is the VM's
  #     one command alone                its stdin is the daemon's stdout
  #     otherwise                        one sink program reads stdout; what goes to commands and to
  #                                      the daemon (tee) it writes to further descriptors

  alias Contained.{Command, Error, Port}
  alias Contained.Daemon.Sinks.Spec

  @report 3
  @tee 4
  @tail 5
  @first_link 6
  @most_grace 86_400_000
  # What a sink has beyond the daemon's own ladder, to read to the end of its input.
  @margin 2_000

  defstruct stdout: :null, links: [], parts: []

  @type part :: %{role: :sink | :command, command: Command.t(), reads: binary}
  @type t :: %__MODULE__{stdout: term, links: [binary], parts: [part]}

  @doc "The descriptors by which the sink program talks to the daemon."
  def report, do: {:fd, @report}
  def tee, do: {:fd, @tee}
  def tail, do: {:fd, @tail}

  @spec new([Spec.t()], map) :: {:ok, t} | {:error, Error.t()}
  def new(specs, context) do
    commands = Enum.filter(specs, &match?({:command, _, _, _}, &1))
    tee? = context.tee or :logger in specs
    plan(Enum.filter(specs, &Spec.ours?/1), commands, tee?, context)
  end

  defp plan([], [], true, _context), do: {:ok, %__MODULE__{stdout: :pipe}}
  defp plan([], [], false, _context), do: {:ok, %__MODULE__{}}
  defp plan([{:fd, 1}], [], false, _context), do: {:ok, %__MODULE__{stdout: :inherit}}

  defp plan([], [command], false, context) do
    link = link()

    with {:ok, part} <- command(command, link, context),
         do: {:ok, %__MODULE__{stdout: {:link, link}, links: [link], parts: [part]}}
  end

  defp plan(ours, commands, tee?, context) do
    link = link()
    links = Enum.map(commands, fn _command -> link() end)

    with {:ok, sink} <- sink(ours, links, tee?, link, context),
         {:ok, parts} <- commands(Enum.zip(commands, links), context) do
      {:ok, %__MODULE__{stdout: {:link, link}, links: [link | links], parts: [sink | parts]}}
    end
  end

  defp link, do: "log-#{System.unique_integer([:positive])}"

  defp commands(commands, context) do
    Enum.reduce_while(commands, {:ok, []}, fn {command, link}, {:ok, parts} ->
      case command(command, link, context) do
        {:ok, part} -> {:cont, {:ok, parts ++ [part]}}
        error -> {:halt, error}
      end
    end)
  end

  ## The sink program

  defp sink(ours, links, tee?, link, context) do
    case Port.locate() do
      {:ok, program} ->
        spec = sink_spec(program, ours, links, tee?, link, context)
        {:ok, part(:sink, %Command{kind: :start, spec: spec}, link, context)}

      {:error, errno, subject} ->
        {:error, %Error{reason: errno, stage: :launcher, subject: subject}}
    end
  end

  defp sink_spec(program, ours, links, tee?, link, context) do
    outputs = Enum.with_index(links, @first_link)
    tees = if tee?, do: [@tee], else: []
    tails = if context[:tail] && not tee?, do: [@tail], else: []

    %{
      program: program,
      args:
        [program, "--sink", "report=#{@report}"] ++
          Enum.flat_map(ours, &Spec.words(&1, context.cd)) ++
          Enum.map(tees ++ Enum.map(outputs, &elem(&1, 1)), &"fd=#{&1}") ++
          Enum.map(tails, &"tail=#{&1}"),
      cd: "/",
      stdin: {:link, link},
      stdout: :inherit,
      stderr: :inherit,
      fds:
        Enum.map([@report | tees ++ tails], &{&1, :output}) ++
          Enum.map(outputs, fn {name, fd} -> {fd, {:link_out, name}} end),
      stop: [cont(context)],
      linger: :kill
    }
  end

  # All that is stopped at once is stopped by its ladder: this one goes on until its input ends.
  defp cont(context), do: {18, min(grace(context.ladder) + @margin, @most_grace)}

  defp grace(ladder), do: ladder |> Enum.map(&elem(&1, 1)) |> Enum.sum()

  ## Commands of the user

  defp command({:command, program, args, opts}, link, context) do
    with {:ok, command} <- Command.new(:start, program, args, opts),
         :ok <- Command.check(command) do
      spec =
        command.spec
        |> Map.merge(%{stdin: {:link, link}, linger: :kill})
        |> Map.update!(:stdout, &inherited/1)
        |> Map.update!(:stderr, &inherited/1)
        |> Map.update(:stop, [cont(context), {15, 500}], &[cont(context) | Enum.take(&1, 15)])
        |> Map.put_new(:cd, context.cd)

      {:ok, part(:command, %{command | spec: spec}, link, context)}
    end
  end

  # Nobody would read it.
  defp inherited(:pipe), do: :inherit
  defp inherited(other), do: other

  defp part(role, command, link, context),
    do: %{role: role, command: %{command | launcher: context.launcher}, reads: link}
end
