defmodule Contained.Signals do
  @moduledoc false
  # Names and numbers of signals as signal(7) lists them for x86 and ARM. MIPS and SPARC number some
  # of them otherwise (SIGUSR1 is 16 there); on those machines give the number.

  @numbers [
    hup: 1,
    int: 2,
    quit: 3,
    ill: 4,
    trap: 5,
    abrt: 6,
    bus: 7,
    fpe: 8,
    kill: 9,
    usr1: 10,
    segv: 11,
    usr2: 12,
    pipe: 13,
    alrm: 14,
    term: 15,
    stkflt: 16,
    chld: 17,
    cont: 18,
    stop: 19,
    tstp: 20,
    ttin: 21,
    ttou: 22,
    urg: 23,
    xcpu: 24,
    xfsz: 25,
    vtalrm: 26,
    prof: 27,
    winch: 28,
    io: 29,
    pwr: 30,
    sys: 31
  ]

  @max 64

  @type t :: atom | 1..64

  @doc "The number of a signal given as `:term`, `:sigterm` or a number."
  @spec number(term) :: {:ok, 1..64} | :error
  for {name, number} <- @numbers do
    def number(unquote(name)), do: {:ok, unquote(number)}
    def number(unquote(:"sig#{name}")), do: {:ok, unquote(number)}
  end

  def number(number) when is_integer(number) and number in 1..@max, do: {:ok, number}
  def number(_other), do: :error

  @doc "As `number/1`; raises `ArgumentError`."
  @spec number!(term) :: 1..64
  def number!(signal) do
    case number(signal) do
      {:ok, number} ->
        number

      :error ->
        raise ArgumentError,
              "unknown signal #{inspect(signal)}, expected a name such as :term or a number from 1 to #{@max}"
    end
  end

  @doc "The name of a signal number, the number itself where it has none."
  @spec name(1..64) :: atom | 32..64
  for {name, number} <- @numbers do
    def name(unquote(number)), do: unquote(name)
  end

  def name(number) when is_integer(number), do: number
end
