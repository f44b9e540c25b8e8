%% What Contained.Native is to its library, for a VM without Elixir. The library is not loaded when one of its
%% functions is missing here.
-module('Elixir.Contained.Native').
-compile([export_all, nowarn_export_all]).

library(Path) -> erlang:load_nif(Path, 0).

'loaded?'() -> false.
capabilities() -> missing().
open_groups(_Places) -> missing().
stats(_Places) -> missing().
processes(_Places) -> missing().
threads(_Places) -> missing().
limits(_Places) -> missing().
set_limits(_Places, _Limits) -> missing().
freeze(_Places) -> missing().
thaw(_Places) -> missing().
kill(_Places) -> missing().
get(_Places, _File) -> missing().
set(_Places, _File, _Value) -> missing().
migrate(_Places, _Pid) -> missing().
kill_trees(_Path) -> missing().
open(_Pid) -> missing().
signal(_Handle, _Number) -> missing().
monitor(_Handle) -> missing().
watch(_Directory, _File, _Trigger) -> missing().
await_event(_Handle) -> missing().
look_at(_Handle) -> missing().
close(_Handle) -> missing().

missing() -> erlang:nif_error(nif_not_loaded).
