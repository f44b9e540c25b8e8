defmodule Contained.RealPrograms.Redis do
  @moduledoc false
  # Redis as a child, and a word with it.

  def child(dir, opts) do
    {port, opts} = Keyword.pop!(opts, :port)
    args = ["--port", "#{port}", "--bind", "127.0.0.1", "--dir", dir, "--save", "3600", "1"]
    {Contained.Daemon, [id: :redis, command: "redis-server", args: args] ++ opts}
  end

  @doc "The first line of the answer to an inline command."
  def ask(port, command) do
    opts = [:binary, active: false, packet: :line]
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, opts)
    :ok = :gen_tcp.send(socket, command <> "\r\n")
    {:ok, line} = :gen_tcp.recv(socket, 0, 60_000)
    :gen_tcp.close(socket)
    String.trim_trailing(line)
  end
end

defmodule Contained.RealPrograms.Http do
  @moduledoc false
  # nginx as a child, in a directory of its own, and a request to it.

  def nginx(dir, port, patience) do
    args = ["-p", dir, "-e", "stderr", "-c", "nginx.conf"]

    {Contained.Daemon,
     id: :nginx,
     command: "nginx",
     args: args,
     ready: {:tcp, port},
     ready_timeout: patience,
     signal_to: :leader,
     delay_to_sigkill: 5_000}
  end

  @doc "Writes a configuration by which it answers `text`."
  def configure(dir, port, text) do
    paths = for kind <- ~w(client_body proxy fastcgi uwsgi scgi), do: "#{kind}_temp_path #{kind};"

    File.write!(Path.join(dir, "nginx.conf"), """
    daemon off;
    pid nginx.pid;
    worker_processes 2;
    events {}
    http {
      access_log off;
      #{Enum.join(paths, " ")}
      server { listen 127.0.0.1:#{port}; return 200 "#{text}"; }
    }
    """)
  end

  @doc "The body of an answer; nil when there is none."
  def get(port) do
    with {:ok, socket} <- :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false]),
         :ok <- :gen_tcp.send(socket, "GET / HTTP/1.0\r\n\r\n"),
         {:ok, answer} <- read(socket, "") do
      answer |> String.split("\r\n\r\n") |> List.last()
    else
      {:error, _reason} -> nil
    end
  end

  defp read(socket, answer) do
    case :gen_tcp.recv(socket, 0, 60_000) do
      {:ok, data} -> read(socket, answer <> data)
      {:error, :closed} -> {:ok, answer}
      error -> error
    end
  end
end

defmodule Contained.RealPrograms.Postgres do
  @moduledoc false
  # PostgreSQL as a child that runs as its own user, and queries to it.

  @user "postgres"

  def needed, do: if(bin(), do: false, else: "needs PostgreSQL")

  # Debian keeps the programs of the server apart, by version.
  defp bin, do: "/usr/lib/postgresql/*/bin" |> Path.wildcard() |> List.last()

  defp program(name), do: Path.join(bin(), name)

  @doc "Makes a database below `dir`; returns its directory."
  def init(dir) do
    File.chmod!(dir, 0o755)
    data = Path.join(dir, "data")
    File.mkdir!(data)
    run("chown", ["#{@user}:", data])
    args = ["-D", data, "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8"]
    run(program("initdb"), args, user: @user, cd: data)
    data
  end

  # fsync is for the death of the machine. What was written survives that of every process.
  def child(data, patience) do
    args = ["-D", data, "-k", data, "-c", "listen_addresses=", "-c", "fsync=off"]

    {Contained.Daemon,
     id: :postgres,
     command: program("postgres"),
     args: args,
     cd: data,
     user: @user,
     ready: {:unix, Path.join(data, ".s.PGSQL.5432")},
     ready_timeout: patience,
     stop_signal: [int: 60_000],
     signal_to: :leader,
     log_output: [stderr: :debug]}
  end

  # The socket takes connections while what is in the log is replayed; psql is told to come again.
  def query(data, sql) do
    patience = Contained.Case.within(60_000)
    {:answer, text} = Contained.Case.eventually(fn -> try_query(data, sql) end, patience)
    text
  end

  defp try_query(data, sql) do
    args = ["-h", data, "-U", @user, "-X", "-A", "-t", "-q", "-c", sql]

    case Contained.run(program("psql"), args) do
      {:ok, %{status: 0, stdout: text}} -> {:answer, String.trim(text)}
      {:ok, %{stderr: text}} -> if text =~ ~r/starting up|recovery/, do: nil, else: raise(text)
    end
  end

  @doc "The daemon below `supervisor`, or what stands in its place."
  def daemon(supervisor) do
    [{:postgres, daemon, _type, _modules}] = Supervisor.which_children(supervisor)
    daemon
  end

  @doc "The state of the data as pg_controldata(1) tells it."
  def state(data) do
    [_, state] =
      Regex.run(~r/^Database cluster state: +(.*)$/m, run(program("pg_controldata"), [data]))

    state
  end

  defp run(program, args, opts \\ []) do
    {:ok, %{status: 0, stdout: text}} = Contained.run(program, args, opts)
    text
  end
end
