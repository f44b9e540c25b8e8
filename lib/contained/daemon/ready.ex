defmodule Contained.Daemon.Ready do
  @moduledoc false
  # `ready:` - when a daemon counts as ready.
  #
  # The calling process, the daemon, is told once:
  #
  #     {Contained.Daemon.Ready, ref, :ready}
  #     {Contained.Daemon.Ready, ref, {:failed, reason}}    a function has raised
  #
  # What has to be asked for is asked in a process of its own, again and again: it ends with the
  # daemon, and a check that hangs holds nobody up.

  alias Contained.Daemon.{Aside, Output}
  alias Contained.Lines

  @first_pause 5
  @longest_pause 100
  # For a server whose queue is full, or a host that does not answer.
  @connect_timeout 1_000
  # A line may be longer; then what is looked at begins in the middle of it.
  @max_pending 8_192
  @kept 4_096

  # unix(7): 108 bytes with the null byte.
  @max_unix 107
  @max_wait 4_000_000_000

  @allowed ":none, {:output, regex}, {:tcp, port}, {:tcp, {host, port}}, {:unix, path}, " <>
             "{:file, path}, :notify, {:after, milliseconds} or a function of no arguments"

  @enforce_keys [:spec, :ref]
  defstruct [:spec, :ref, :aside, :timer, lines: %{}]

  @type spec ::
          :none
          | :notify
          | {:output, Regex.t()}
          | {:tcp, [{:inet.ip_address() | charlist, 1..65_535}]}
          | {:unix, Path.t()}
          | {:file, Path.t()}
          | {:after, non_neg_integer}
          | {:fun, (() -> term)}

  @opaque t :: %__MODULE__{}

  @doc "Checks the value of the option; the error says what it may be."
  @spec parse(term) :: {:ok, spec} | {:error, binary}
  def parse(none) when none in [nil, :none], do: {:ok, :none}
  def parse(:notify), do: {:ok, :notify}
  def parse({:output, %Regex{}} = spec), do: {:ok, spec}
  def parse({:tcp, port}) when is_integer(port), do: tcp(:localhost, port)
  def parse({:tcp, {host, port}}), do: tcp(host, port)
  def parse({kind, path}) when kind in [:unix, :file] and is_binary(path), do: path(kind, path)
  def parse({:after, ms} = spec) when ms in 0..@max_wait//1, do: {:ok, spec}
  def parse(fun) when is_function(fun, 0), do: {:ok, {:fun, fun}}
  def parse(_other), do: {:error, @allowed}

  @doc "What the option may be."
  @spec allowed() :: binary
  def allowed, do: @allowed

  defp tcp(host, port) when port in 1..65_535 do
    case addresses(host) do
      [] -> {:error, @allowed}
      addresses -> {:ok, {:tcp, Enum.map(addresses, &{&1, port})}}
    end
  end

  defp tcp(_host, _port), do: {:error, @allowed}

  # Servers listen on either, or on both.
  defp addresses(:localhost), do: [{127, 0, 0, 1}, {0, 0, 0, 0, 0, 0, 0, 1}]

  defp addresses(host) when is_binary(host) and host != "" do
    if String.printable?(host), do: [String.to_charlist(host)], else: []
  end

  defp addresses(host), do: if(:inet.is_ip_address(host), do: [host], else: [])

  defp path(kind, path) do
    full = Path.expand(path)
    wrong? = path == "" or :binary.match(path, "\0") != :nomatch

    if wrong? or (kind == :unix and byte_size(full) > @max_unix),
      do: {:error, @allowed},
      else: {:ok, {kind, full}}
  end

  @doc "Whether the daemon has to read its program's output for it."
  @spec output?(spec) :: boolean
  def output?({:output, _regex}), do: true
  def output?(_spec), do: false

  @doc "Begins to look, once the program runs."
  @spec start(spec, reference) :: t
  def start(:none, ref), do: start({:after, 0}, ref)

  def start({:after, ms} = spec, ref) do
    timer = Process.send_after(self(), {__MODULE__, ref, :ready}, ms)
    %__MODULE__{spec: spec, ref: ref, timer: timer}
  end

  # The daemon is told of it otherwise.
  def start({:output, _regex} = spec, ref), do: %__MODULE__{spec: spec, ref: ref}
  def start(:notify, ref), do: %__MODULE__{spec: :notify, ref: ref}

  def start(spec, ref) do
    aside = Aside.start(__MODULE__, ref, fn -> poll(spec, @first_pause) end)
    %__MODULE__{spec: spec, ref: ref, aside: aside}
  end

  @doc """
  What a message of the mailbox says about the look that was begun with `ref`.
  """
  @spec event(term, reference) :: :ready | {:failed, term} | :none
  def event({__MODULE__, ref, :ready}, ref), do: :ready
  def event({__MODULE__, ref, {:failed, reason}}, ref), do: {:failed, reason}
  def event(_message, _ref), do: :none

  @doc """
  Looks at output of the program. A regular expression is matched with each line, also with one
  whose end has not come yet; it does not matter in what chunks it comes.
  """
  @spec output(t, Output.stream(), binary) :: {:ready | :waiting, t}
  def output(%__MODULE__{spec: {:output, regex}} = ready, stream, data) do
    lines = Map.get_lazy(ready.lines, stream, &Lines.new/0)
    {complete, lines} = Lines.split(lines, data)
    ready = %{ready | lines: Map.put(ready.lines, stream, bound(lines))}
    found? = Enum.any?(complete ++ Lines.finish(lines), &matches?(regex, &1))
    {if(found?, do: :ready, else: :waiting), ready}
  end

  def output(ready, _stream, _data), do: {:waiting, ready}

  @doc "Ends it. What it would still have told is not told."
  @spec stop(t) :: :ok
  def stop(%__MODULE__{aside: nil, timer: nil}), do: :ok

  def stop(%__MODULE__{timer: nil, aside: aside}), do: Aside.stop(aside)

  def stop(%__MODULE__{timer: timer, ref: ref}) do
    Process.cancel_timer(timer)

    receive do
      {__MODULE__, ^ref, :ready} -> :ok
    after
      0 -> :ok
    end
  end

  # A regular expression for Unicode refuses other bytes.
  defp matches?(regex, line), do: Regex.match?(regex, Output.valid(line))

  defp bound(lines) do
    if Lines.pending_size(lines) > @max_pending do
      [line] = Lines.finish(lines)
      tail = line |> binary_part(byte_size(line), -@kept) |> :binary.copy()
      {[], lines} = Lines.split(Lines.new(), tail)
      lines
    else
      lines
    end
  end

  defp poll(spec, pause) do
    if ready?(spec) do
      :ready
    else
      Process.sleep(pause)
      poll(spec, min(pause * 2, @longest_pause))
    end
  end

  defp ready?({:fun, fun}), do: fun.()
  defp ready?({:file, path}), do: File.exists?(path)
  defp ready?({:unix, path}), do: connects?({:local, path}, 0, [:local])

  defp ready?({:tcp, places}) do
    Enum.any?(places, fn {address, port} ->
      connects?(address, port, [:inet]) or connects?(address, port, [:inet6])
    end)
  end

  defp connects?(address, port, family) do
    case :gen_tcp.connect(address, port, family ++ [active: false], @connect_timeout) do
      {:ok, socket} -> :gen_tcp.close(socket) == :ok
      {:error, _reason} -> false
    end
  end
end
