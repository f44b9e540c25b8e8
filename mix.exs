defmodule Mix.Tasks.Compile.Contained do
  @moduledoc false
  # Builds the port program and the native functions with CMake in <app path>/obj and puts them into
  # <app path>/priv.
  #
  # It stands here and not in lib/, so that the program exists before any Elixir code is compiled
  # and the task is in no release. Nothing is ever written to the source tree: Mix would link a
  # top-level priv/ into every build, and share one program between targets.
  use Mix.Task.Compiler

  alias Mix.Task.Compiler.Diagnostic

  @recursive true
  @program "contained_port"
  # The others are optional: the options CONTAINED_NIF and CONTAINED_CLI of CMakeLists.txt.
  @products [@program, "contained_nif.so", "contained"]
  @sources ["CMakeLists.txt", "cmake/*.cmake", "c_src/**/*.{cpp,hpp}"]

  # What decides which compiler is called, and how. A change of one of them starts the build anew.
  @tool_env ~w(CC CXX CFLAGS CXXFLAGS LDFLAGS CROSSCOMPILE CMAKE_GENERATOR CMAKE_TOOLCHAIN_FILE
               CMAKE_PREFIX_PATH ERL_EI_INCLUDE_DIR ERL_EI_LIBDIR ERTS_INCLUDE_DIR NERVES_SDK_SYSROOT
               CONTAINED_CMAKE_ARGS)

  # The VM's own: with them an `erl` that the build calls would be another one.
  @vm_env for name <- ~w(BINDIR ROOTDIR PROGNAME EMU), do: {name, nil}

  @impl true
  def run(args) do
    Mix.Project.ensure_structure()
    cmake_args = cmake_args()
    stamp = {digest_of_tools(cmake_args), digest_of_sources()}
    old = read_stamp()

    if "--force" in args or stamp != old or not File.exists?(program_path()) do
      if elem(old, 0) != elem(stamp, 0), do: File.rm_rf!(obj_path())
      File.rm(stamp_path())
      Mix.shell().info("Compiling #{@program} (CMake)")
      cmake_args |> build() |> finish(stamp)
    else
      :noop
    end
  end

  @impl true
  def manifests, do: [stamp_path()]

  @impl true
  def clean do
    products = Enum.map(@products, &Path.join(priv_path(), &1))
    for path <- [obj_path(), stamp_path() | products], do: File.rm_rf!(path)
    :ok
  end

  defp obj_path, do: Path.join(Mix.Project.app_path(), "obj")
  defp priv_path, do: Path.join(Mix.Project.app_path(), "priv")
  defp program_path, do: Path.join(priv_path(), @program)
  defp stamp_path, do: Path.join(Mix.Project.manifest_path(), "compile.contained")

  # -- the build: configure, compile, install

  defp build(cmake_args) do
    with {:ok, cmake} <- find_cmake(),
         {:ok, _output} <- cmake(cmake, ["-S", File.cwd!(), "-B", obj_path()] ++ cmake_args),
         {:ok, output} <-
           cmake(cmake, ["--build", obj_path(), "--target", "contained_programs" | jobs()]) do
      File.mkdir_p!(priv_path())
      Enum.each(@products, &install/1)
      {:ok, output}
    end
  end

  defp find_cmake do
    case System.find_executable("cmake") do
      nil -> {:error, "cmake was not found in PATH"}
      path -> {:ok, path}
    end
  end

  defp cmake(program, args) do
    case System.cmd(program, args, stderr_to_stdout: true, env: @vm_env) do
      {output, 0} -> {:ok, output}
      {output, _status} -> {:error, output}
    end
  end

  # By rename: the old program may be running, and writing to it would fail with ETXTBSY; a library that
  # is loaded would change under the feet of its VM.
  defp install(product) do
    {built, installed} = {Path.join(obj_path(), product), Path.join(priv_path(), product)}

    if File.exists?(built) do
      File.cp!(built, installed <> ".new")
      File.rename!(installed <> ".new", installed)
    else
      File.rm_rf!(installed)
    end
  end

  defp finish({:ok, output}, stamp) do
    diagnostics = diagnostics(output)
    for %{message: message} <- diagnostics, do: Mix.shell().info(message)
    File.mkdir_p!(Path.dirname(stamp_path()))
    File.write!(stamp_path(), :erlang.term_to_binary(stamp))
    {:ok, diagnostics}
  end

  defp finish({:error, output}, _stamp) do
    Mix.shell().error(output)
    errors = for diagnostic <- diagnostics(output), diagnostic.severity == :error, do: diagnostic
    {:error, if(errors == [], do: [missing(output)], else: errors)}
  end

  # -- what CMake is told

  defp cmake_args do
    type = System.get_env("CONTAINED_BUILD_TYPE", "Release")
    extra = OptionParser.split(System.get_env("CONTAINED_CMAKE_ARGS", ""))

    ["-DCMAKE_BUILD_TYPE=#{type}", "-DCONTAINED_TESTS=OFF"] ++
      generator_args() ++ ei_args() ++ erts_args() ++ cross_args() ++ extra
  end

  defp generator_args do
    ninja? = System.get_env("CMAKE_GENERATOR") == nil and System.find_executable("ninja") != nil
    if ninja?, do: ["-G", "Ninja"], else: []
  end

  # Nerves and elixir_make name the target's ei in the environment; else it is that of this VM.
  defp ei_args do
    root = :code.lib_dir(:erl_interface)

    if System.get_env("ERL_EI_LIBDIR") || is_tuple(root) do
      []
    else
      ["-DERL_EI_INCLUDE_DIR=#{root}/include", "-DERL_EI_LIBDIR=#{root}/lib"]
    end
  end

  defp erts_args do
    erts = "erts-#{:erlang.system_info(:version)}"
    include = Path.join([:code.root_dir(), erts, "include"])
    named? = System.get_env("ERTS_INCLUDE_DIR") || System.get_env("CROSSCOMPILE")
    if named?, do: [], else: ["-DERTS_INCLUDE_DIR=#{include}"]
  end

  defp cross_args do
    case {System.get_env("CMAKE_TOOLCHAIN_FILE"), System.get_env("CROSSCOMPILE")} do
      {nil, nil} -> []
      {nil, _prefix} -> ["-DCMAKE_SYSTEM_NAME=Linux"]
      {file, _prefix} -> ["-DCMAKE_TOOLCHAIN_FILE=#{file}"]
    end
  end

  defp jobs do
    if System.get_env("CMAKE_BUILD_PARALLEL_LEVEL"),
      do: [],
      else: ["--parallel", Integer.to_string(System.schedulers_online())]
  end

  # -- the stamp: {tools, sources}

  defp read_stamp do
    case File.read(stamp_path()) do
      {:ok, binary} -> :erlang.binary_to_term(binary)
      {:error, _reason} -> {nil, nil}
    end
  end

  # The folder is part of it: CMake refuses a cache that was made for another.
  defp digest_of_tools(cmake_args) do
    env = for name <- @tool_env, do: {name, System.get_env(name)}
    :erlang.md5(:erlang.term_to_binary({cmake_args, env, obj_path(), File.cwd!()}))
  end

  defp digest_of_sources do
    files = @sources |> Enum.flat_map(&Path.wildcard/1) |> Enum.sort()
    version = Mix.Project.config()[:version]
    :erlang.md5(:erlang.term_to_binary({version, for(file <- files, do: {file, md5(file)})}))
  end

  defp md5(file), do: :erlang.md5(File.read!(file))

  # -- diagnostics, in the form of gcc and clang: file:line:column: error: text

  defp diagnostics(output) do
    ~r/^(.+?):(\d+):(?:\d+:)? (?:fatal )?(error|warning): .*$/m
    |> Regex.scan(output)
    |> Enum.map(fn [message, file, line, severity] ->
      diagnostic(file, String.to_integer(line), String.to_atom(severity), message)
    end)
  end

  defp diagnostic(file, line, severity, message) do
    %Diagnostic{
      compiler_name: "contained",
      file: Path.expand(file),
      position: line,
      severity: severity,
      message: message
    }
  end

  # -- what to install, said when the build failed before the first error in a source file

  defp missing(output) do
    Mix.shell().error(advice())
    diagnostic("mix.exs", 0, :error, "#{output}\n#{advice()}")
  end

  defp advice do
    """
    Contained could not build its native program. It needs a C++20 compiler, CMake 3.22 or later,
    the headers of Boost (1.74 or later), fmt, CLI11 and nlohmann_json, and Erlang's own C headers (ei.h). To install them:

        #{install_command(os_release())}
    """
  end

  defp os_release do
    case File.read("/etc/os-release") do
      {:ok, text} -> ~r/^ID(?:_LIKE)?="?([^"\n]*)/m |> Regex.scan(text) |> Enum.join(" ")
      {:error, _reason} -> ""
    end
  end

  @debian "apt-get install g++ cmake make libboost-dev libfmt-dev libcap-dev zlib1g-dev libseccomp-dev libcli11-dev nlohmann-json3-dev erlang-dev"
  @install [
    {~r/debian|ubuntu/, @debian},
    {~r/fedora|rhel|centos/,
     "dnf install gcc-c++ cmake make boost-devel fmt-devel libcap-devel zlib-devel libseccomp-devel cli11-devel json-devel erlang-erl_interface"},
    {~r/alpine/,
     "apk add g++ cmake make boost-dev fmt-dev libcap-dev zlib-dev libseccomp-dev cli11 nlohmann-json linux-headers erlang-dev"},
    {~r/arch/,
     "pacman -S gcc cmake make boost fmt libcap zlib libseccomp cli11 nlohmann-json erlang"},
    {~r/suse/,
     "zypper install gcc-c++ cmake make boost-devel fmt-devel libcap-devel zlib-devel libseccomp-devel cli11-devel nlohmann_json-devel erlang"}
  ]
  defp install_command(os) do
    Enum.find_value(@install, @debian <> " (Debian's names)", fn {pattern, command} ->
      if os =~ pattern, do: command
    end)
  end
end

defmodule Contained.MixProject do
  use Mix.Project

  # The one source of the version: CMakeLists.txt reads this line.
  @version "0.1.0"

  def project do
    [
      app: :contained,
      version: @version,
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      compilers: [:contained] ++ Mix.compilers(),
      elixirc_paths: elixirc_paths(Mix.env()),
      # Tests define collectables of their own.
      consolidate_protocols: Mix.env() != :test,
      description: "OS processes for the BEAM that end when their owner ends",
      package: package(),
      docs: docs(),
      aliases: aliases(),
      deps: []
    ]
  end

  def application do
    [extra_applications: [:logger], mod: {Contained.Application, []}]
  end

  defp elixirc_paths(:test), do: ["lib", "test/support"]
  defp elixirc_paths(:bench), do: ["lib", "bench/support"]
  defp elixirc_paths(_env), do: ["lib"]

  defp aliases do
    [lint: ["format --check-formatted", "compile --warnings-as-errors"]]
  end

  # Never priv/ or _build/: a built program that was shipped once has broken every other machine.
  defp package do
    [
      licenses: ["Apache-2.0"],
      links: %{},
      files: ~w(lib c_src cmake CMakeLists.txt mix.exs .formatter.exs guides
                README.md CHANGELOG.md LICENSE)
    ]
  end

  defp docs do
    [
      main: "Contained",
      source_ref: "v#{@version}",
      extras:
        ["README.md", "CHANGELOG.md"] ++
          Path.wildcard("guides/*.md") ++
          [
            {:"c_src/README.md", [filename: "native", title: "The native side"]},
            {:"c_src/protocol/README.md", [filename: "protocol", title: "The port protocol"]}
          ],
      groups_for_extras: [Guides: ~r{guides/}, Internals: ~r{c_src/}]
    ]
  end
end
