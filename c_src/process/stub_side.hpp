// What a stub (stub.hpp) and an init (init.hpp) have in common: the far end of the control socket.
#pragma once

#include <initializer_list>

#include "process/stub_word.hpp"

namespace contained::process {

/// Nothing else stays open in a stub or an init, but its signals.
inline constexpr int kControlFd = 0;

/// Any error means that the worker is gone, which is seen soon.
void tell(int control, const StubWord& word);

void tell_of_orphan(int control, const Reaped& orphan);

/// Living or dead ones.
bool has_children();

/// |control| becomes kControlFd and all else is closed, the status pipe too: who reads its end has
/// what was told before. Returns a non-blocking descriptor of SIGCHLD and |signals|, signalfd(2).
int keep_control_only(int control, std::initializer_list<int> signals, bool close_range_refused);

}  // namespace contained::process
