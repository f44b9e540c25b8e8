defmodule Contained.Daemon.Adopted do
  @moduledoc false
  # A daemon whose program is a job (`adopt: {namespace, name}`): it is found running or started, watched by its control
  # socket, and outlives this process unless it is asked to end with it.

  use GenServer

  alias Contained.Daemon.{Events, Policy}
  alias Contained.{Error, Job, Options}
  alias Contained.Job.Client

  @policy [:success_exit_codes, :exit_status_to_reason, :backoff, :max_restarts, :interval]
  @own [:name, :id, :restart, :shutdown, :significant, :adopt, :on_shutdown, :reload_signal]
  # Of a daemon that has its program's streams, or watches it more closely than its job's keeper does.
  @not_here [:log_output, :log_prefix, :log_transform, :logger_metadata, :logger_fun, :max_line] ++
              [:log_to, :on_output, :into, :capture, :capture_stderr_only, :wait_for, :ready] ++
              [:ready_timeout, :watchdog, :max_runtime, :on_timeout, :on_launcher_down, :pidfile] ++
              [:single_instance, :status_file, :pause_above, :resume_below]

  defstruct [:job, :command, :options, :policy, :on_shutdown, :socket, :os_pid, :last, :born] ++
              [:started, :reload_signal, events: nil, restarts: 0]

  @type t :: %__MODULE__{}
  @type job :: {Job.name(), Job.name()}

  @spec start_link(binary, [binary], keyword) :: GenServer.on_start()
  def start_link(program, args, opts) do
    server = Keyword.take(opts, [:name])
    GenServer.start_link(__MODULE__, {program, args, opts}, server)
  end

  @impl true
  def init({program, args, opts}) do
    Process.flag(:trap_exit, true)

    with {:ok, state} <- run(new(program, args, opts)) do
      {:ok, state}
    else
      {:error, error} -> {:stop, error}
    end
  rescue
    exception -> {:stop, {exception, __STACKTRACE__}}
  end

  defp new(program, args, opts) do
    refuse!(opts)
    own = Options.parse!(:daemon, Keyword.take(opts, @policy ++ @own))

    %__MODULE__{
      job: own.adopt,
      command: [program | args],
      options: Keyword.drop(opts, @policy ++ @own),
      policy: Policy.new(own),
      reload_signal: Map.get(own, :reload_signal, 1),
      on_shutdown: Map.get(own, :on_shutdown, :leave),
      events: Events.new(),
      born: now()
    }
  end

  defp refuse!(opts) do
    for {key, _value} <- opts, key in @not_here do
      raise ArgumentError, ~s(cannot use "#{key}" with "adopt": the job has its own keeper)
    end
  end

  ## The program

  # Somebody else may start it, or it may end, between two looks.
  defp run(%{job: {namespace, name}} = state, tries \\ 5) do
    with {:error, %Error{reason: :not_running}} <- watch(state),
         {:error, %Error{reason: :already_running}} when tries > 0 <-
           Job.run(namespace, name, state.command, state.options) do
      run(state, tries - 1)
    else
      {:ok, %__MODULE__{} = state} -> {:ok, state}
      {:ok, _os_pid} -> watch(state)
      {:error, error} -> {:error, error}
    end
  end

  # A job that was over before we could watch it tells its end by its files.
  defp watch(%{job: {namespace, name}} = state) do
    case Client.watch(namespace, name) do
      {:ok, socket} -> {:ok, started(%{state | socket: socket})}
      {:error, %Error{stage: :file}} -> {:error, %Error{reason: :not_running}}
      {:error, error} -> {:error, error}
    end
  end

  defp started(%{job: {namespace, name}} = state) do
    os_pid =
      case Job.info(namespace, name) do
        {:ok, %{os_pid: os_pid}} -> os_pid
        {:error, _over} -> nil
      end

    Events.publish(state.events, {:started, os_pid})
    %{state | os_pid: os_pid, started: now()}
  end

  ## Messages

  @impl true
  def handle_info({:tcp, socket, _event}, %{socket: socket} = state), do: {:noreply, state}
  def handle_info({:tcp_closed, socket}, %{socket: socket} = state), do: ended(state)
  def handle_info({:tcp_error, socket, _reason}, %{socket: socket} = state), do: ended(state)

  def handle_info(:run, %{socket: nil} = state) do
    case run(%{state | restarts: state.restarts + 1}) do
      {:ok, state} -> {:noreply, state}
      {:error, error} -> follow(Policy.failed(state.policy, error), state)
    end
  end

  def handle_info({:EXIT, _pid, reason}, state) when reason != :normal,
    do: {:stop, reason, state}

  def handle_info(message, state) do
    case Events.event(state.events, message) do
      {:ok, events} -> {:noreply, %{state | events: events}}
      :none -> {:noreply, state}
    end
  end

  defp ended(%{job: {namespace, name}} = state) do
    uptime = now() - state.started
    state = %{state | socket: nil, os_pid: nil}

    case Job.wait(namespace, name, 0) do
      {:ok, result} ->
        Events.publish(state.events, {:exited, result})
        state.policy |> verdict(result, uptime) |> follow(%{state | last: result})

      {:error, %Error{reason: reason}} ->
        follow(Policy.failed(state.policy, reason), state)
    end
  end

  # By somebody who has stopped it by its name.
  defp verdict(_policy, %{reason: reason}, _uptime) when reason in [:stopped, :timeout],
    do: {:stop, reason}

  defp verdict(policy, result, uptime), do: Policy.ended(policy, result, uptime)

  defp follow({:stop, reason}, state), do: {:stop, reason, state}

  defp follow({:restart, delay, policy}, state) do
    Process.send_after(self(), :run, delay)
    {:noreply, %{state | policy: policy}}
  end

  ## Calls

  @impl true
  def handle_call({:stop, ladder}, _from, state) do
    stop_job(state, ladder)
    close(state)
    {:stop, :normal, :ok, %{state | socket: nil}}
  end

  def handle_call(:restart, _from, state) do
    stop_job(state, :default)
    close(state)

    case run(%{state | socket: nil, restarts: state.restarts + 1}) do
      {:ok, state} -> {:reply, :ok, state}
      {:error, error} -> {:stop, error, {:error, error}, state}
    end
  end

  def handle_call({:subscribe, pid}, _from, state),
    do: {:reply, :ok, %{state | events: Events.subscribe(state.events, pid)}}

  def handle_call({:unsubscribe, pid}, _from, state),
    do: {:reply, :ok, %{state | events: Events.unsubscribe(state.events, pid)}}

  def handle_call(:await_ready, _from, state), do: {:reply, :ok, state}
  def handle_call(:session, _from, %{job: job} = state), do: {:reply, {:adopted, job}, state}

  def handle_call({:signal, _, _}, _from, %{job: job} = state),
    do: {:reply, {:adopted, job}, state}

  def handle_call(:reload_signal, _from, state), do: {:reply, state.reload_signal, state}
  def handle_call(:info, _from, state), do: {:reply, info(state), state}
  def handle_call(:statistics, _from, state), do: {:reply, statistics(state), state}

  def handle_call(what, _from, %{job: {namespace, name}} = state)
      when what in [:pause, :resume, :reopen] do
    {:reply, apply(Job, job_call(what), [namespace, name]), state}
  end

  defp job_call(:pause), do: :freeze
  defp job_call(:resume), do: :thaw
  defp job_call(:reopen), do: :reopen

  defp info(%{command: [program | args]} = state) do
    %{
      program: program,
      args: args,
      name: nil,
      job: state.job,
      state: if(state.socket, do: :running, else: :waiting),
      ready: state.socket != nil,
      paused: false,
      os_pid: state.os_pid,
      restarts: state.restarts,
      uptime_ms: if(state.socket, do: now() - state.started),
      last_result: state.last,
      status: nil
    }
  end

  defp statistics(state) do
    statistics = %{
      output_byte_count: 0,
      output_bytes: %{},
      sink_bytes: 0,
      sink_dropped: 0,
      sink_restarts: 0,
      restarts: state.restarts,
      uptime_ms: if(state.socket, do: now() - state.started),
      age_ms: now() - state.born,
      last_result: state.last
    }

    {statistics, {:adopted, state.job}}
  end

  defp stop_job(%{job: {namespace, name}}, :default), do: Job.stop(namespace, name)

  defp stop_job(%{job: {namespace, name}}, ladder),
    do: Job.stop(namespace, name, stop_signal: ladder)

  defp close(%{socket: nil}), do: :ok
  defp close(%{socket: socket}), do: :gen_tcp.close(socket)

  @impl true
  def terminate(reason, state) do
    if state.socket && state.on_shutdown == :stop, do: stop_job(state, :default)
    Events.publish(state.events, {:stopped, reason})
    close(state)
  end

  # The environment, in the options, may hold secrets: what is logged of a daemon names them not.
  def format_status(status) do
    case status do
      %{state: %__MODULE__{} = state} -> %{status | state: info(state)}
      other -> other
    end
  end

  # Before OTP 25.
  @impl true
  def format_status(_reason, [_dictionary, state]), do: info(state)

  defp now, do: System.monotonic_time(:millisecond)

  ## In the caller

  @spec os_pid(job) :: pos_integer | :error
  def os_pid({namespace, name}) do
    case Job.info(namespace, name) do
      {:ok, %{state: :running, os_pid: os_pid}} -> os_pid
      _over -> :error
    end
  end

  @spec usage(job) :: map
  def usage({namespace, name}) do
    case Job.stats(namespace, name) do
      {:ok, stats} -> stats
      {:error, _over} -> %{}
    end
  end
end
