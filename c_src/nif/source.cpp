#include "nif/source.hpp"

#include <cerrno>
#include <new>

namespace contained::nif {
namespace {

// enif_select_read() joins two of them, which C++ makes an int.
ErlNifSelectFlags operator|(ErlNifSelectFlags one, ErlNifSelectFlags other) {
  return static_cast<ErlNifSelectFlags>(static_cast<int>(one) | static_cast<int>(other));
}

// Set by open_resource_types(), while no other function of ours can run.
ErlNifResourceType* source_type = nullptr;
ErlNifResourceType* handle_type = nullptr;

struct Handle {
  Source* source;
};

// The one place where the descriptors are closed.
void on_stop(ErlNifEnv* /*env*/, void* object, ErlNifEvent /*event*/, int /*is_direct_call*/) {
  auto& source = *static_cast<Source*>(object);
  source.event.reset();
  source.file.reset();
}

void on_opener_down(ErlNifEnv* env, void* object, ErlNifPid* /*pid*/, ErlNifMonitor* /*monitor*/) {
  close(env, *static_cast<Source*>(object));
}

void destroy_source(ErlNifEnv* /*env*/, void* object) { static_cast<Source*>(object)->~Source(); }

void destroy_handle(ErlNifEnv* env, void* object) {
  auto* source = static_cast<Handle*>(object)->source;
  close(env, *source);
  enif_release_resource(source);
}

ErlNifResourceType* open_type(ErlNifEnv* env, const char* name, ErlNifResourceTypeInit callbacks) {
  const auto flags = static_cast<ErlNifResourceFlags>(ERL_NIF_RT_CREATE | ERL_NIF_RT_TAKEOVER);
  return enif_init_resource_type(env, name, &callbacks, flags, nullptr);
}

}  // namespace

bool open_resource_types(ErlNifEnv* env) {
  source_type =
      open_type(env, "contained_source", {destroy_source, on_stop, on_opener_down, 3, nullptr});
  handle_type = open_type(env, "contained_handle", {destroy_handle, nullptr, nullptr, 1, nullptr});
  return source_type != nullptr && handle_type != nullptr;
}

Term make_handle(ErlNifEnv* env, UniqueFd event, UniqueFd file) {
  auto* source = new (enif_alloc_resource(source_type, sizeof(Source))) Source;
  source->event = std::move(event);
  source->file = std::move(file);
  // The handle has the reference that we have got.
  auto* handle = new (enif_alloc_resource(handle_type, sizeof(Handle))) Handle{source};
  ErlNifPid opener;
  // One that has been killed meanwhile leaves the handle to nobody: that closes it, too.
  if (enif_self(env, &opener) != nullptr) {
    (void)enif_monitor_process(env, source, &opener, &source->opener);
  }
  const auto term = enif_make_resource(env, handle);
  enif_release_resource(handle);
  return term;
}

Source* to_source(ErlNifEnv* env, Term handle) {
  void* object = nullptr;
  if (enif_get_resource(env, handle, handle_type, &object) == 0) return nullptr;
  return static_cast<Handle*>(object)->source;
}

Term wait_for(ErlNifEnv* env, Source& source, std::string_view name, Term handle) {
  const std::scoped_lock guard(source.lock);
  if (source.closing) return refusal(env, EBADF);
  ErlNifPid self;
  if (enif_self(env, &self) == nullptr) return refusal(env, ESRCH);
  const auto ref = enif_make_ref(env);
  const auto message = enif_make_tuple3(env, atom(env, name), ref, handle);
  const int asked = enif_select_read(env, source.event.get(), &source, &self, message, nullptr);
  // The VM's own limit of descriptors, or poll(2) of another kind than epoll(7).
  return asked < 0 ? refusal(env, EMFILE) : ok(env, ref);
}

bool close(ErlNifEnv* env, Source& source) {
  {
    const std::scoped_lock guard(source.lock);
    if (source.closing) return false;
    source.closing = true;
  }
  (void)enif_demonitor_process(env, &source, &source.opener);
  const auto none = enif_make_atom(env, "undefined");
  // What the VM does not poll it stops at once.
  (void)enif_select(env, source.event.get(), ERL_NIF_SELECT_STOP, &source, nullptr, none);
  return true;
}

}  // namespace contained::nif
