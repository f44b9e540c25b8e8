#include "nif/groups.hpp"

#include <sys/resource.h>

#include <atomic>
#include <mutex>
#include <new>

#include "base/proc.hpp"
#include "cgroup/quarters.hpp"

namespace contained::nif {
namespace {

using cgroup::Quarters;

ErlNifResourceType* group_type = nullptr;  // set while no other function of ours can run
std::atomic<rlim_t> opened = 0;

struct Kept {
  std::mutex lock;
  Quarters groups;
};

void destroy_kept(ErlNifEnv* /*env*/, void* object) {
  static_cast<Kept*>(object)->~Kept();
  --opened;
}

// A group takes four descriptors: a quarter of what the VM may have, all together.
bool is_room_left() {
  rlimit limit = {};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && opened < limit.rlim_cur / 16;
}

Term counted(ErlNifEnv* env, Quarters& groups) {
  const auto stats = groups.stats();
  return stats ? ok(env, counters(env, *stats)) : error(env, stats.error());
}

// |act| on the groups whose addresses are |term|.
template <class Act>
Outcome with_groups(ErlNifEnv* env, Term term, Act act) {
  const auto addresses = to_addresses(env, term);
  if (!addresses) return std::nullopt;
  auto quarters = Quarters::open(*addresses);
  if (!quarters) return error(env, quarters.error());
  return act(*quarters);
}

}  // namespace

bool open_group_type(ErlNifEnv* env) {
  const auto flags = static_cast<ErlNifResourceFlags>(ERL_NIF_RT_CREATE | ERL_NIF_RT_TAKEOVER);
  ErlNifResourceTypeInit callbacks = {destroy_kept, nullptr, nullptr, 1, nullptr};
  group_type = enif_init_resource_type(env, "contained_groups", &callbacks, flags, nullptr);
  return group_type != nullptr;
}

Outcome open_groups(ErlNifEnv* env, const Term* argv) {
  return with_groups(env, argv[0], [env](Quarters& groups) {
    if (!is_room_left()) return error(env, {EMFILE, Stage::kCgroup, {}});
    groups.keep_open();
    auto* kept = new (enif_alloc_resource(group_type, sizeof(Kept))) Kept;
    ++opened;
    kept->groups = std::move(groups);
    const auto handle = enif_make_resource(env, kept);
    enif_release_resource(kept);
    return ok(env, handle);
  });
}

Outcome stats(ErlNifEnv* env, const Term* argv) {
  void* object = nullptr;
  if (enif_get_resource(env, argv[0], group_type, &object) == 0) {
    return with_groups(env, argv[0], [env](Quarters& groups) { return counted(env, groups); });
  }
  auto& kept = *static_cast<Kept*>(object);
  const std::scoped_lock guard(kept.lock);
  return counted(env, kept.groups);
}

Outcome processes(ErlNifEnv* env, const Term* argv) {
  return with_groups(env, argv[0], [env](Quarters& groups) {
    std::vector<Term> rows;
    for (const auto pid : groups.processes()) {
      const auto row = read_proc_row(pid);
      if (row) rows.push_back(process(env, *row));
    }
    return ok(env, list(env, rows));
  });
}

Outcome threads(ErlNifEnv* env, const Term* argv) {
  return with_groups(env, argv[0], [env](Quarters& groups) {
    std::vector<pid_t> all;
    for (const auto pid : groups.processes()) {
      const auto threads = threads_of(pid);
      all.insert(all.end(), threads.begin(), threads.end());
    }
    return ok(env, numbers(env, all));
  });
}

Outcome limits_of(ErlNifEnv* env, const Term* argv) {
  return with_groups(env, argv[0], [env](Quarters& groups) {
    const auto in_force = groups.limits();
    return in_force ? ok(env, limits(env, *in_force)) : error(env, in_force.error());
  });
}

Outcome set_limits(ErlNifEnv* env, const Term* argv) {
  const auto wanted = to_limits(env, argv[1]);
  if (!wanted) return std::nullopt;
  return with_groups(env, argv[0],
                     [&](Quarters& groups) { return done(env, groups.set_limits(*wanted)); });
}

Outcome freeze(ErlNifEnv* env, const Term* argv) {
  return with_groups(env, argv[0], [env](Quarters& groups) { return done(env, groups.freeze()); });
}

Outcome thaw(ErlNifEnv* env, const Term* argv) {
  return with_groups(env, argv[0], [env](Quarters& groups) { return done(env, groups.thaw()); });
}

Outcome kill(ErlNifEnv* env, const Term* argv) {
  return with_groups(env, argv[0], [env](Quarters& groups) { return done(env, groups.kill()); });
}

Outcome get(ErlNifEnv* env, const Term* argv) {
  const auto file = to_text(env, argv[1]);
  if (!file) return std::nullopt;
  return with_groups(env, argv[0], [&](Quarters& groups) {
    const auto text = groups.get(*file);
    return text ? ok(env, binary(env, *text)) : error(env, text.error());
  });
}

Outcome set(ErlNifEnv* env, const Term* argv) {
  const auto file = to_text(env, argv[1]);
  const auto value = to_text(env, argv[2]);
  if (!file || !value) return std::nullopt;
  return with_groups(env, argv[0],
                     [&](Quarters& groups) { return done(env, groups.set(*file, *value)); });
}

Outcome migrate(ErlNifEnv* env, const Term* argv) {
  const auto pid = to_int(env, argv[1]);
  if (!pid) return std::nullopt;
  return with_groups(env, argv[0],
                     [&](Quarters& groups) { return done(env, groups.migrate(*pid)); });
}

}  // namespace contained::nif
