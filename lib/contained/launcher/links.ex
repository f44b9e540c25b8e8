defmodule Contained.Launcher.Links do
  @moduledoc false
  # The links of one launcher: pipes between commands that its port program holds by name
  # (c_src/protocol/README.md, "Links"). A link lives as long as the process that opened it, and is
  # made again, empty, by the next port program; so a name that was given to commands stays good.

  alias Contained.Protocol

  @opaque t :: %{binary => reference}
  @type change :: {:open, binary, owner :: pid} | {:close, binary}

  @spec new() :: t
  def new, do: %{}

  @doc "The frames are for the port program, if it is there."
  @spec change(t, change) :: {t, [iodata]}
  def change(links, {:open, name, _owner}) when is_map_key(links, name), do: {links, []}

  def change(links, {:open, name, owner}) do
    monitor = :erlang.monitor(:process, owner, tag: {:link_owner_down, name})
    {Map.put(links, name, monitor), [Protocol.open_link(name)]}
  end

  def change(links, {:close, name}) do
    case Map.pop(links, name) do
      {nil, links} ->
        {links, []}

      {monitor, links} ->
        Process.demonitor(monitor, [:flush])
        {links, [Protocol.close_link(name)]}
    end
  end

  @doc "What a new port program has to be told."
  @spec all(t) :: {t, [iodata]}
  def all(links), do: {links, for({name, _monitor} <- links, do: Protocol.open_link(name))}
end
