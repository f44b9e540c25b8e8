// What whoever is left does when guardian or worker has died: no ladder, no loop, only the end.
#pragma once

#include "cgroup/ground.hpp"

namespace contained::engine {

/// SIGKILLs everything in |ground| and every descendant that the kernel gives to us as their
/// subreaper, reaps them, and removes its groups. Waits for at most 5 s: a task in state D does not
/// die. Returns whether everything is gone.
bool kill_everything(cgroup::Ground& ground);

}  // namespace contained::engine
