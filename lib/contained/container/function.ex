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
      listen(process, <<>>)
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
  end

  defp question(function, modules) do
    paths = for path <- :code.get_path(), do: absolute(path)
    {paths, modules, Guest, call(function)}
  end

  defp absolute(path), do: path |> List.to_string() |> Path.expand() |> String.to_charlist()

  defp call({module, name, args}), do: {module, name, args}
  defp call(fun), do: {:erlang, :apply, [fun, []]}

  # What it prints comes out where the caller's does.
  defp listen(process, answer) do
    case Process.next(process) do
      {{:fd, @answer}, data} -> heard(process, answer <> data)
      {:stdout, data} -> IO.write(data) && listen(process, answer)
      {:stderr, data} -> IO.write(:stderr, data) && listen(process, answer)
      {:orphan_exit, _os_pid, _exit} -> listen(process, answer)
      {:ended, result} -> {:error, ended(result)}
    end
  end

  # The VM has nothing left to do but to end.
  defp heard(process, <<size::32, term::binary-size(size)>>) do
    Process.stop(process, [])
    drain(process)
    :erlang.binary_to_term(term)
  end

  defp heard(process, partial), do: listen(process, partial)

  defp drain(process) do
    case Process.next(process) do
      {:ended, _result} -> :ok
      {:stdout, data} -> IO.write(data) && drain(process)
      _other -> drain(process)
    end
  end

  defp ended(%Result{reason: :exit, status: status}), do: {:exit_status, status}
  defp ended(%Result{reason: :signal, exit: {:signaled, number, _core}}), do: {:signal, number}
  defp ended(%Result{reason: reason}), do: reason
end
