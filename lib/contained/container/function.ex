defmodule Contained.Container.Function do
  @moduledoc false
  # A function in a VM of its own, a command like others.
  #
  # The VM is started as erl(1) would, without its script: the same emulator, no distribution, no
  # input. It reads one term on descriptor 3, with code paths and what to call, and writes one on
  # descriptor 4, how that ended; each after its length in four bytes. Both ends are our own code,
  # so the answer is read without suspicion.

  alias Contained.Container.Guest
  alias Contained.{Process, Result}

  @question 3
  @answer 4
  # Milliseconds for its VM to end when it has answered.
  @patience 5_000

  # Until code can be found there is but Erlang's own.
  @boot """
  Port = open_port({fd, #{@question}, #{@answer}}, [{packet, 4}, binary, eof]),
  receive {Port, {data, Data}} ->
    {Paths, Modules, Guest, Call} = binary_to_term(Data),
    code:add_pathsz(Paths),
    [{module, _} = code:load_binary(M, atom_to_list(M), B) || {M, B} <- Modules],
    Guest:run(Port, Call)
  end.
  """

  @doc "Calls `function` there. `opts` are those of `Contained.Container.run_fun/3`, with `:container`."
  @spec run((() -> term) | {module, atom, [term]}, keyword) :: {:ok, term} | {:error, term}
  def run(function, opts) do
    {own, opts} = Keyword.split(opts, [:emulator_args, :modules])

    with {:ok, process} <- Contained.start(program(), args(own), options(opts)) do
      question = :erlang.term_to_binary(question(function, Keyword.get(own, :modules, [])))
      _written = Process.write(process, @question, [<<byte_size(question)::32>>, question])
      listen(process, %{echo: %{}, size: nil, parts: [], got: 0})
    end
  end

  defp program, do: Path.join(emulator(), "erlexec")

  defp emulator do
    {:ok, [[bindir]]} = :init.get_argument(:bindir)
    List.to_string(bindir)
  end

  defp args(own) do
    Keyword.get(own, :emulator_args, []) ++
      ~w(-noinput -noshell +sbwt none -boot_var RELEASE_LIB) ++
      [Path.join(root(), "lib"), "-boot", boot(), "-eval", @boot]
  end

  defp root, do: List.to_string(:code.root_dir())

  # A release keeps it beside its own.
  defp boot do
    candidates = [
      Path.join([root(), "bin", "start_clean.boot"])
      | Path.wildcard(Path.join([root(), "releases", "*", "start_clean.boot"]))
    ]

    candidates |> Enum.find(hd(candidates), &File.regular?/1) |> Path.rootname()
  end

  # What configures this VM is not meant for that one.
  @flags ~w(ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ERL_LIBS)

  defp options(opts) do
    own =
      [{"ROOTDIR", root()}, {"BINDIR", emulator()}, {"EMU", "beam"}, {"PROGNAME", "erl"}] ++
        [{"ERL_CRASH_DUMP_SECONDS", "0"} | for(name <- @flags, do: {name, nil})]

    opts
    |> Keyword.update(:env, own, &(own ++ Enum.to_list(&1)))
    |> Keyword.merge(fds: [{@question, :input}, {@answer, :output}], stdin: :null)
    |> Keyword.put_new(:stop_signal, :kill)
    |> Keyword.put_new(:linger, :kill)
  end

  defp question(function, modules) do
    paths = for path <- :code.get_path(), do: absolute(path)
    {paths, modules, Guest, call(function)}
  end

  defp absolute(path), do: path |> List.to_string() |> Path.expand() |> String.to_charlist()

  defp call({module, name, args}), do: {module, name, args}
  defp call(fun), do: {:erlang, :apply, [fun, []]}

  # What it prints comes out where the caller's does.
  defp listen(process, heard) do
    case Process.next(process) do
      {{:fd, @answer}, data} ->
        heard(process, take(heard, data))

      {stream, data} when stream in [:stdout, :stderr] ->
        listen(process, echo(heard, stream, data))

      {:orphan_exit, _os_pid, _exit} ->
        listen(process, heard)

      {:ended, result} ->
        {:error, ended(result)}
    end
  end

  # A long answer in many parts is put together once.
  defp take(%{size: nil} = heard, data) do
    case IO.iodata_to_binary([heard.parts, data]) do
      <<size::32, rest::binary>> -> %{heard | size: size, parts: rest, got: byte_size(rest)}
      short -> %{heard | parts: short}
    end
  end

  defp take(heard, data),
    do: %{heard | parts: [heard.parts, data], got: heard.got + byte_size(data)}

  defp heard(process, %{size: size, got: got} = heard) when is_integer(size) and got >= size do
    drain(process, heard, System.monotonic_time(:millisecond) + @patience)
    heard.parts |> IO.iodata_to_binary() |> :erlang.binary_to_term()
  end

  defp heard(process, heard), do: listen(process, heard)

  # The VM writes what has been printed, and ends; if not, it is not waited for.
  defp drain(process, heard, deadline) do
    case Process.next(process, max(deadline - System.monotonic_time(:millisecond), 0)) do
      {:ended, _result} -> :ok
      {:error, :timeout} -> Process.stop(process, [])
      {stream, data} when is_atom(stream) -> drain(process, echo(heard, stream, data), deadline)
      _other -> drain(process, heard, deadline)
    end
  end

  @devices %{stdout: :stdio, stderr: :stderr}

  # A character may come in two parts; bytes that are none are written as those of Latin-1.
  defp echo(heard, stream, data) do
    data = Map.get(heard.echo, stream, "") <> data

    {text, rest} =
      case :unicode.characters_to_binary(data) do
        text when is_binary(text) -> {text, ""}
        {:incomplete, text, rest} -> {text, rest}
        {:error, _text, _rest} -> {:unicode.characters_to_binary(data, :latin1), ""}
      end

    IO.write(@devices[stream], text)
    put_in(heard.echo[stream], rest)
  end

  defp ended(%Result{reason: :exit, status: status}), do: {:exit_status, status}
  defp ended(%Result{reason: :signal, exit: {:signaled, number, _core}}), do: {:signal, number}
  defp ended(%Result{reason: reason}), do: reason
end
