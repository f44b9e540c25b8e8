// What a start request asks for, as the child needs it.
#pragma once

#include <string>

#include "base/result.hpp"
#include "engine/environment.hpp"
#include "process/spawn_spec.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

/// Program or candidates, arguments, environment, directory and credentials; not the descriptors
/// and groups. |vm_directory| leads to the VM's current directory, the default; empty: the port
/// program's. It is followed by the child only, so that a hung file system hangs nobody else.
/// EINVAL with the name as subject for a capability (Stage::kCapabilities) or a resource
/// (Stage::kRlimit) that there is not.
Result<process::SpawnSpec> spec_of(const protocol::Start& request, const Environment& environment,
                                   const std::string& vm_directory);

}  // namespace contained::engine
