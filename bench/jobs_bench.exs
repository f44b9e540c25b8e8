# How long the list of 1,000 jobs takes: one that runs, and its files under other names.
defmodule Bench.Jobs do
  import Bench

  @jobs 1_000
  @most 200_000

  def run do
    program = Application.app_dir(:contained, "priv/contained")

    if File.exists?(program),
      do: in_directory(&row_in(program, &1)),
      else: IO.puts("contained: not built (CONTAINED_CLI)")
  end

  defp in_directory(fun) do
    directory = Path.join(System.tmp_dir!(), "contained-bench-#{System.os_time()}")
    File.mkdir_p!(directory)

    try do
      fun.(directory)
    after
      File.rm_rf!(directory)
    end
  end

  defp row_in(program, directory) do
    env = [
      {"CONTAINED_RUNTIME_DIR", directory},
      {"CONTAINED_LOG_DIR", Path.join(directory, "logs")}
    ]

    job = fn words -> System.cmd(program, ["job", "bench" | words], env: env) end
    {"", 0} = job.(~w(run job0 sleep 300))

    try do
      jobs = Path.join(directory, "bench/jobs")
      for n <- 1..(@jobs - 1), do: clone(jobs, "job#{n}")
      time = median(for _ <- 1..11, do: time(fn -> {_list, 0} = job.(~w(ls)) end))
      row("#{@jobs} jobs listed", "", "#{time} us", "", "< #{@most} us", time < @most)
      for n <- 1..(@jobs - 1), do: File.rm_rf!(Path.join(jobs, "job#{n}"))
    after
      job.(~w(kill job0))
      job.(~w(release))
    end
  end

  defp clone(jobs, name) do
    File.mkdir!(Path.join(jobs, name))
    File.chmod!(Path.join(jobs, name), 0o700)
    File.cp!(Path.join(jobs, "job0/job"), Path.join([jobs, name, "job"]))
  end
end

Bench.Jobs.run()
