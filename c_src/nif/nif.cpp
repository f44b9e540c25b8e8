// The library that Contained.Native loads. Its functions are listed there.
#include <erl_nif.h>

#include "nif/events.hpp"
#include "nif/groups.hpp"
#include "nif/host.hpp"
#include "nif/source.hpp"

namespace {

using namespace contained::nif;

Outcome loaded(ErlNifEnv* env, const Term* /*argv*/) { return boolean(env, true); }

constexpr unsigned kDirty = ERL_NIF_DIRTY_JOB_IO_BOUND;

ErlNifFunc functions[] = {{"loaded?", 0, guarded<loaded>, 0},
                          {"capabilities", 0, guarded<capabilities>, kDirty},
                          {"open_groups", 1, guarded<open_groups>, 0},
                          {"stats", 1, guarded<stats>, 0},
                          {"processes", 1, guarded<processes>, kDirty},
                          {"threads", 1, guarded<threads>, kDirty},
                          {"limits", 1, guarded<limits_of>, kDirty},
                          {"set_limits", 2, guarded<set_limits>, kDirty},
                          {"freeze", 1, guarded<freeze>, kDirty},
                          {"thaw", 1, guarded<thaw>, kDirty},
                          {"kill", 1, guarded<kill>, kDirty},
                          {"get", 2, guarded<get>, kDirty},
                          {"set", 3, guarded<set>, kDirty},
                          {"migrate", 2, guarded<migrate>, kDirty},
                          {"kill_trees", 1, guarded<kill_trees>, kDirty},
                          {"open", 1, guarded<open_process>, 0},
                          {"signal", 2, guarded<contained::nif::signal>, 0},
                          {"monitor", 1, guarded<monitor>, 0},
                          {"watch", 3, guarded<watch>, kDirty},
                          {"await_event", 1, guarded<await_event>, 0},
                          {"look_at", 1, guarded<look_at>, kDirty},
                          {"close", 1, guarded<close_handle>, 0}};

int load(ErlNifEnv* env, void** /*data*/, Term /*info*/) {
  return open_resource_types(env) && open_group_type(env) ? 0 : 1;
}

// Nothing is kept but what the resources themselves hold.
int upgrade(ErlNifEnv* env, void** data, void** /*old_data*/, Term info) {
  return load(env, data, info);
}

}  // namespace

ERL_NIF_INIT(Elixir.Contained.Native, functions, load, nullptr, upgrade, nullptr)
