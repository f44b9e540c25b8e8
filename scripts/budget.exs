# Lines per function and per file against the size budget of CONTRIBUTING.md. The medians and the
# nine-of-ten marks are reported; going over a hard cap fails.

defmodule Budget.Cpp do
  @moduledoc false
  # Function bodies by their braces. Comments and literals are blanked first, lines kept. A `{` opens
  # a function when the text since the last statement ends like a parameter list and no function is
  # open yet: lambdas belong to the function around them.

  @literals ~r{//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:\\\n|[^\n])*}ms
  @digit_separator ~r/(?<=[0-9A-Fa-f])'(?=[0-9A-Fa-f])/
  @scope ~r/\b(namespace|class|struct|union|enum|extern)\b[^()=]*$/
  @function ~r/\)\s*(const|noexcept|override|final|mutable|&|&&|\s|->[^;]*|requires[^;]*)*$/
  @initialiser ~r/\)\s*(noexcept\s*)?:[^;]*[A-Za-z0-9_>]\s*$/

  def functions(text) do
    text
    |> String.replace(@digit_separator, "")
    |> then(&Regex.replace(@literals, &1, fn literal -> blank(literal) end))
    |> String.to_charlist()
    |> scan(%{line: 1, text: [], first: nil, open: [], found: []})
  end

  defp blank(literal), do: String.replace(literal, ~r/[^\n]/, " ")

  defp scan([], state), do: Enum.reverse(state.found)
  defp scan([?\n | rest], state), do: scan(rest, %{add(state, ?\n) | line: state.line + 1})
  defp scan([?{ | rest], state), do: scan(rest, open(state))
  defp scan([?} | rest], state), do: scan(rest, close(state))

  defp scan([?; | rest], state) do
    if parens(state.text) > 0, do: scan(rest, add(state, ?;)), else: scan(rest, reset(state))
  end

  defp scan([char | rest], state), do: scan(rest, add(state, char))

  defp add(%{first: nil} = state, char) when char in ' \t\n', do: state
  defp add(%{first: nil} = state, char), do: %{state | first: state.line, text: [char]}
  defp add(state, char), do: %{state | text: [char | state.text]}

  defp reset(state), do: %{state | text: [], first: nil}

  defp parens(text), do: Enum.count(text, &(&1 == ?()) - Enum.count(text, &(&1 == ?)))

  defp open(state) do
    text = state.text |> Enum.reverse() |> List.to_string()
    inside? = Enum.any?(state.open, &match?({:function, _, _}, &1))

    case kind(text, inside?) do
      :inner ->
        %{state | open: [:inner | state.open]}

      :scope ->
        reset(%{state | open: [scope(text) | state.open]})

      :function ->
        reset(%{state | open: [{:function, state.first, name(text, state)} | state.open]})
    end
  end

  defp scope(text) do
    cond do
      text =~ ~r/\bnamespace\s*$/ -> :anonymous
      text =~ ~r/\bnamespace\b/ -> :namespace
      true -> :class
    end
  end

  defp name(text, %{open: open}) do
    cond do
      :class in open -> "(class)::" <> name(text)
      :anonymous in open -> "(anonymous)::" <> name(text)
      true -> name(text)
    end
  end

  defp kind(_text, true), do: :inner

  defp kind(text, false) do
    cond do
      text =~ @scope -> :scope
      text =~ @initialiser -> :inner
      text =~ @function -> :function
      true -> :inner
    end
  end

  defp name(text) do
    case Regex.run(~r/([A-Za-z_~][\w:~]*|operator\S+)\s*\(([^)]*)/, text) do
      [_, "TEST" <> _, arguments] -> "TEST(#{arguments})"
      [_, name, _arguments] -> name
      nil -> "?"
    end
  end

  defp close(%{open: [{:function, first, name} | open]} = state) do
    found = [{name, first, state.line - first + 1} | state.found]
    reset(%{state | open: open, found: found})
  end

  defp close(%{open: [:inner | open]} = state), do: %{state | open: open}
  defp close(%{open: [_scope | open]} = state), do: reset(%{state | open: open})
  defp close(%{open: []} = state), do: reset(state)
end

defmodule Budget.Elixir do
  @moduledoc false
  # One entry per clause of a function, macro or test.

  @definitions [:def, :defp, :defmacro, :defmacrop, :test, :setup, :setup_all]

  def functions(text) do
    {_ast, found} =
      text
      |> Code.string_to_quoted!(token_metadata: true)
      |> Macro.prewalk([], &collect/2)

    Enum.reverse(found)
  end

  defp collect({kind, meta, [_ | _] = args} = node, found) when kind in @definitions do
    {node, [{name(kind, args), meta[:line], last_line(node) - meta[:line] + 1} | found]}
  end

  defp collect(node, found), do: {node, found}

  defp last_line(node) do
    {_node, last} =
      Macro.prewalk(node, 0, fn
        {_, meta, _} = inner, last when is_list(meta) -> {inner, max(last, line_of(meta))}
        inner, last -> {inner, last}
      end)

    last
  end

  defp line_of(meta) do
    for(key <- [:end, :closing, :end_of_expression], do: meta[key][:line])
    |> Enum.reject(&is_nil/1)
    |> Enum.max(fn -> meta[:line] || 0 end)
  end

  defp name(:test, [title | _]) when is_binary(title), do: ~s(test "#{title}")
  defp name(_kind, [{:when, _, [head | _]} | _]), do: Macro.to_string(head)
  defp name(_kind, [head | _]), do: head |> Macro.to_string() |> String.slice(0, 60)
end

defmodule Budget do
  @moduledoc false

  @groups [
    {"c_src", Budget.Cpp, ~w(c_src/**/*.{cpp,hpp}), %{median: 8, p90: 30, max: 60, file: 400}},
    {"native_tests", Budget.Cpp, ~w(native_tests/**/*.{cpp,hpp,c,h}),
     %{median: 8, p90: 30, max: 60, file: 400}},
    {"lib", Budget.Elixir, ~w(mix.exs lib/**/*.ex), %{median: 5, p90: 18, max: 30, file: 500}},
    {"test, bench", Budget.Elixir, ~w(test/**/*.{ex,exs} bench/**/*.exs scripts/*.exs),
     %{median: 5, p90: 18, max: 30, file: 500}}
  ]

  def main do
    over = Enum.flat_map(@groups, &report/1)
    clashes = clashes(Path.wildcard("c_src/*"))
    for {place, lines, cap} <- over, do: IO.puts("over the cap: #{place}: #{lines} > #{cap}")
    for clash <- clashes, do: IO.puts("a private name that others of its folder have: #{clash}")
    if over ++ clashes != [], do: System.halt(1)
  end

  # A folder may be compiled as one unit (CONTAINED_UNITY). There an overload in an anonymous
  # namespace hides the function of the same name outside of it, without a word of the compiler.
  defp clashes(folders) do
    for folder <- folders,
        path <- Path.wildcard("#{folder}/*.{cpp,hpp}"),
        {name, line, _} <- Budget.Cpp.functions(File.read!(path)),
        not String.starts_with?(name, "(class)") and not String.ends_with?(name, "?") do
      {{folder, String.replace(name, "(anonymous)::", "")}, {name, "#{path}:#{line}"}}
    end
    |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
    |> Enum.filter(fn {_key, places} -> clash?(places) end)
    |> Enum.map(fn {{_folder, name}, places} ->
      "#{name}, " <> Enum.map_join(places, ", ", &elem(&1, 1))
    end)
  end

  defp clash?(places) do
    names = for {name, _place} <- places, uniq: true, do: name
    files = for {_name, place} <- places, uniq: true, do: place |> String.split(":") |> hd()

    Enum.any?(names, &String.starts_with?(&1, "(anonymous)")) and
      (length(files) > 1 or length(names) > 1)
  end

  defp report({name, parser, patterns, budget}) do
    paths = Enum.flat_map(patterns, &Path.wildcard/1)
    files = for path <- paths, do: {path, File.read!(path)}
    sizes = for {path, text} <- files, do: {path, length(String.split(text, "\n")) - 1}

    functions =
      for {path, text} <- files, function <- parser.functions(text), do: {path, function}

    print(name, Enum.sort(for {_path, {_name, _line, n}} <- functions, do: n), sizes, budget)
    over(functions, sizes, budget)
  end

  defp print(name, [], _sizes, _budget), do: IO.puts("#{name}: no functions")

  defp print(name, lengths, sizes, budget) do
    {median, p90} = {at(lengths, 0.5), at(lengths, 0.9)}
    {largest, file} = sizes |> Enum.map(fn {path, n} -> {n, path} end) |> Enum.max()

    IO.puts(
      "#{String.pad_trailing(name, 13)} #{length(lengths)} functions: median #{mark(median, budget.median)}, " <>
        "9 of 10 #{mark(p90, budget.p90)}, longest #{mark(List.last(lengths), budget.max)}; " <>
        "#{length(sizes)} files, #{sizes |> Enum.map(&elem(&1, 1)) |> Enum.sum()} lines, " <>
        "largest #{mark(largest, budget.file)} (#{file})"
    )
  end

  defp at(sorted, share),
    do: Enum.at(sorted, min(floor(length(sorted) * share), length(sorted) - 1))

  defp mark(n, budget) when n > budget, do: "#{n} (OVER #{budget})"
  defp mark(n, budget), do: "#{n} (<= #{budget})"

  defp over(functions, sizes, budget) do
    long_functions =
      for {path, {name, line, n}} <- functions,
          n > budget.max,
          do: {"#{path}:#{line} #{name}", n, budget.max}

    long_functions ++ for({path, n} <- sizes, n > budget.file, do: {path, n, budget.file})
  end
end

Budget.main()
