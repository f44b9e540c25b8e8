#include "engine/not_started.hpp"

#include <cerrno>

namespace contained::engine {

int exit_code_of(const Error& error) {
  if (error.stage != Stage::kExec) return kExitFailed;
  return error.code == ENOENT || error.code == ENOTDIR ? kExitNotFound : kExitCannotExecute;
}

Error error_of(const protocol::Failed& failed) {
  return {errno_named(failed.error).value_or(EIO), stage_named(failed.stage).value_or(Stage::kNone),
          failed.subject};
}

}  // namespace contained::engine
