#!/usr/bin/env escript
%% exercise.escript <library> <directory of native.erl>: loads the library into this VM and uses all of it, also
%% at the same time and after the end of what it is used on. For AddressSanitizer, which says by itself what is wrong.
%% What needs a control group uses one of its own, or none where it may not make any.
-mode(compile).
-define(N, 'Elixir.Contained.Native').
-define(ROUNDS, 200).

main([Library, Directory]) ->
    {ok, Code} = file:read_file(filename:join(Directory, "native.erl")),
    Module = compiled(Code),
    [upgraded(Module, Library) || _ <- lists:seq(1, 3)],
    true = ?N:'loaded?'(),
    #{cgroup2 := V2, cgroup1 := V1} = ?N:capabilities(),
    groups([{[], maps:get(own, V2)} || V2 =/= nil] ++ [{C, Own} || #{controllers := C, own := Own} <- V1, Own =/= <<>>]),
    pidfds(),
    upgraded(Module, Library),
    refused(),
    io:put_chars("fine\n").

compiled(Code) ->
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Code)),
    Forms = [element(2, {ok, _} = erl_parse:parse_form(Form)) || Form <- forms(Tokens, [])],
    {ok, ?N, Binary} = compile:forms(Forms),
    Binary.

forms([], []) -> [];
forms([{dot, _} = Dot | Rest], Form) -> [lists:reverse(Form, [Dot]) | forms(Rest, [])];
forms([Token | Rest], Form) -> forms(Rest, [Token | Form]).

upgraded(Module, Library) ->
    code:purge(?N),
    {module, ?N} = code:load_binary(?N, "native.erl", Module),
    ok = ?N:library(filename:rootname(Library)).

%% ---- Groups

groups(Places) ->
    [look([Place]) || Place <- Places],
    [change([Place]) || Place <- Places],
    together(Places).

look(Places) ->
    [{ok, _} = ?N:F(Places) || F <- [stats, processes, threads, limits], _ <- lists:seq(1, 3)],
    {error, _, enotsup, _} = ?N:get(Places, <<"memory.no_such">>),
    {ok, Handle} = ?N:open_groups(Places),
    {ok, _} = ?N:stats(Handle).

change([{Controllers, Own}]) ->
    Path = <<Own/binary, "/contained-nif-", (list_to_binary(os:getpid()))/binary>>,
    case file:make_dir(Path) of
        ok ->
            Places = [{Controllers, Path}],
            {ok, Handle} = ?N:open_groups(Places),
            _ = [?N:F(Places) || F <- [freeze, thaw, kill]],
            _ = ?N:set_limits(Places, [{<<"pids">>, <<"10">>}, {<<"memory">>, <<"64M">>}]),
            _ = ?N:set(Places, <<"pids.max">>, <<"11">>),
            {error, _, _, _} = ?N:migrate(Places, 16#7FFFFFF0),
            _ = ?N:watch(Path, <<"cpu.pressure">>, <<"some 100000 2000000">>),
            events(?N:watch(Path, <<"cgroup.events">>, <<>>), Places),
            ok = file:del_dir(Path),
            {error, _, enoent, _} = ?N:stats(Places),
            _ = ?N:stats(Handle);
        {error, _} ->
            ok
    end.

events({ok, Handle}, Places) ->
    {ok, Ref} = ?N:await_event(Handle),
    {ok, _} = ?N:look_at(Handle),
    case ?N:freeze(Places) of
        {ok, nil} -> ok = receive {contained_event, Ref, Handle} -> ok after 10000 -> silent end;
        _ -> ok
    end;
events({error, _, _, _}, _Places) ->
    ok.

%% One handle, many callers.
together([]) -> ok;
together([Place | _]) ->
    {ok, Handle} = ?N:open_groups([Place]),
    all(8, fun() -> [{ok, _} = ?N:stats(Handle) || _ <- lists:seq(1, ?ROUNDS)] end).

all(Count, Fun) ->
    Monitors = [element(2, spawn_monitor(Fun)) || _ <- lists:seq(1, Count)],
    [receive {'DOWN', Monitor, _, _, Reason} -> normal = Reason end || Monitor <- Monitors].

%% ---- Processes

pidfds() ->
    [ended(sleeper()) || _ <- lists:seq(1, 5)],
    {_Port, Pid} = sleeper(),
    [dropped(Pid) || _ <- lists:seq(1, ?ROUNDS)],
    erlang:garbage_collect(),
    all(20, fun() -> dropped(Pid) end),
    {ok, Handle} = ?N:open(Pid),
    all(8, fun() -> [race(Handle, N) || N <- lists:seq(1, ?ROUNDS)] end),
    false = ?N:close(Handle),
    {ok, Last} = ?N:open(Pid),
    {ok, nil} = ?N:signal(Last, 9).

%% Without the sanitizer's library, which is of no use to it.
sleeper() ->
    Port = open_port({spawn_executable, "/bin/sleep"}, [{args, ["300"]}, {env, [{"LD_PRELOAD", false}]}]),
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    {Port, Pid}.

ended({_Port, Pid}) ->
    {ok, Handle} = ?N:open(Pid),
    {ok, Ref} = ?N:monitor(Handle),
    {ok, nil} = ?N:signal(Handle, 9),
    ok = receive {contained_exit, Ref, Handle} -> ok after 10000 -> silent end,
    true = ?N:close(Handle).

dropped(Pid) ->
    {ok, Handle} = ?N:open(Pid),
    {ok, _Ref} = ?N:monitor(Handle).

race(Handle, Number) ->
    _ = ?N:monitor(Handle),
    _ = ?N:signal(Handle, 0),
    Number =:= ?ROUNDS andalso ?N:close(Handle).

%% ---- What is of another shape

refused() ->
    Wrong = [x, -1, 1 bsl 70, <<>>, <<0>>, [x], [{}], [{[], <<"/">>} | x], [{[], <<"relative">>}], make_ref(), self(), #{}],
    [refused(F, lists:duplicate(Arity, Term))
     || {F, Arity} <- ?N:module_info(exports), Arity > 0, not lists:member(F, [library, module_info]), Term <- Wrong].

refused(F, Args) ->
    try apply(?N, F, Args) of
        {error, _, _, _} -> ok
    catch
        error:badarg -> ok
    end.
