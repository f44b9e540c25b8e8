#include "cli/advice.hpp"

namespace contained::cli {
namespace {

bool refused(const Error& error) { return error.code == EPERM || error.code == EACCES; }

std::string_view advice_on_limit(const Error& error) {
  if (error.code == ENOTSUP) {
    return "no control group here has it: see 'contained info', or --on-unsupported ignore";
  }
  if (error.code == ERANGE) return "the kernel took another value: choose one that it can hold";
  return refused(error) ? "the group is not ours to limit: run as root or in a delegated group"
                        : "";
}

std::string_view advice_on_exec(const Error& error) {
  switch (error.code) {
    case EACCES:
      return "it must be a file that the command's user may execute";
    case ENOEXEC:
      return "a script needs a #! line";
    case E2BIG:
      return "arguments and environment are too large";
    default:
      return "";
  }
}

// namespaces(7): all but user namespaces take CAP_SYS_ADMIN, which one of these gives.
std::string_view advice_on_namespace(const Error& error) {
  if (error.code == EINVAL) return "this kernel does not have it";
  if (error.code == ENOSPC) return "there are as many as the sysctls user.max_*_namespaces allow";
  if (!refused(error)) return "";
  return error.subject == "user" ? "see sysctl user.max_user_namespaces, "
                                   "kernel.unprivileged_userns_clone, "
                                   "kernel.apparmor_restrict_unprivileged_userns"
                                 : "it takes root, or --namespace user beside it";
}

std::string_view advice_on_mount(const Error& error) {
  if (error.code == ENOENT) {
    return "a source is a path of ours, a target must exist in the root or on a --tmpfs";
  }
  if (error.code == ENOTDIR) return "a file goes upon a file, a directory upon a directory";
  if (error.code == EINVAL) return "where / is an initramfs, --root cannot be: use --chroot";
  return refused(error) || error.code == EBUSY
             ? "it takes root; in a user namespace nothing may show that is hidden outside"
             : "";
}

// user_namespaces(7), "Defining user and group ID mappings".
std::string_view advice_on_id_map(const Error& error) {
  if (error.code == ENOENT) return "install newuidmap and newgidmap (Debian: uidmap)";
  if (error.code == EINVAL) return "ranges may not overlap, inside or outside";
  return refused(error) ? "without root: one id, our own, or those of /etc/subuid and /etc/subgid"
                        : "";
}

std::string_view advice_on_network(const Error& error) {
  if (error.code == EINVAL) return "it is no file of a network namespace";
  return refused(error) ? "it takes root over that namespace" : "";
}

std::string_view advice_on_landlock(const Error& error) {
  if (error.code == ENOSYS || error.code == ENOTSUP) {
    return "it takes Linux 5.13, and landlock in the boot parameter lsm=";
  }
  return error.code == ENOENT ? "it must be there for the command's user" : "";
}

std::string_view advice_on_privilege(const Error& error) {
  if (error.stage == Stage::kCapabilities && error.code == EINVAL) {
    return "see capabilities(7) for the names";
  }
  return refused(error) ? "it takes root, or the capability" : "";
}

}  // namespace

std::string_view advice_on(const Error& error) {
  switch (error.stage) {
    case Stage::kExec:
      return advice_on_exec(error);
    case Stage::kLimit:
      return advice_on_limit(error);
    case Stage::kCgroup:
      return "'contained info' tells which control groups may be used";
    case Stage::kNamespace:
      return advice_on_namespace(error);
    case Stage::kMount:
      return advice_on_mount(error);
    case Stage::kIdMap:
      return advice_on_id_map(error);
    case Stage::kNetwork:
      return advice_on_network(error);
    case Stage::kLandlock:
      return advice_on_landlock(error);
    case Stage::kSeccomp:
      return error.code == ENOTSUP ? "this program was built without libseccomp" : "";
    case Stage::kIds:
    case Stage::kNice:
    case Stage::kOomScoreAdj:
    case Stage::kRlimit:
    case Stage::kCapabilities:
      return advice_on_privilege(error);
    default:
      return "";
  }
}

}  // namespace contained::cli
