#include "base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace contained {
namespace {

struct ErrnoName {
  int code;
  std::string_view name;
};

// Our own table: strerrorname_np(3) is glibc's alone. Where two names share a number (EAGAIN and
// EWOULDBLOCK, EOPNOTSUPP and ENOTSUP) the one that Erlang's file module uses stands here.
constexpr ErrnoName kErrnoNames[] = {{EPERM, "eperm"},
                                     {ENOENT, "enoent"},
                                     {ESRCH, "esrch"},
                                     {EINTR, "eintr"},
                                     {EIO, "eio"},
                                     {ENXIO, "enxio"},
                                     {E2BIG, "e2big"},
                                     {ENOEXEC, "enoexec"},
                                     {EBADF, "ebadf"},
                                     {ECHILD, "echild"},
                                     {EAGAIN, "eagain"},
                                     {ENOMEM, "enomem"},
                                     {EACCES, "eacces"},
                                     {EFAULT, "efault"},
                                     {ENOTBLK, "enotblk"},
                                     {EBUSY, "ebusy"},
                                     {EEXIST, "eexist"},
                                     {EXDEV, "exdev"},
                                     {ENODEV, "enodev"},
                                     {ENOTDIR, "enotdir"},
                                     {EISDIR, "eisdir"},
                                     {EINVAL, "einval"},
                                     {ENFILE, "enfile"},
                                     {EMFILE, "emfile"},
                                     {ENOTTY, "enotty"},
                                     {ETXTBSY, "etxtbsy"},
                                     {EFBIG, "efbig"},
                                     {ENOSPC, "enospc"},
                                     {ESPIPE, "espipe"},
                                     {EROFS, "erofs"},
                                     {EMLINK, "emlink"},
                                     {EPIPE, "epipe"},
                                     {EDOM, "edom"},
                                     {ERANGE, "erange"},
                                     {EDEADLK, "edeadlk"},
                                     {ENAMETOOLONG, "enametoolong"},
                                     {ENOLCK, "enolck"},
                                     {ENOSYS, "enosys"},
                                     {ENOTEMPTY, "enotempty"},
                                     {ELOOP, "eloop"},
                                     {ENOMSG, "enomsg"},
                                     {EIDRM, "eidrm"},
                                     {ECHRNG, "echrng"},
                                     {EL2NSYNC, "el2nsync"},
                                     {EL3HLT, "el3hlt"},
                                     {EL3RST, "el3rst"},
                                     {ELNRNG, "elnrng"},
                                     {EUNATCH, "eunatch"},
                                     {ENOCSI, "enocsi"},
                                     {EL2HLT, "el2hlt"},
                                     {EBADE, "ebade"},
                                     {EBADR, "ebadr"},
                                     {EXFULL, "exfull"},
                                     {ENOANO, "enoano"},
                                     {EBADRQC, "ebadrqc"},
                                     {EBADSLT, "ebadslt"},
                                     {EBFONT, "ebfont"},
                                     {ENOSTR, "enostr"},
                                     {ENODATA, "enodata"},
                                     {ETIME, "etime"},
                                     {ENOSR, "enosr"},
                                     {ENONET, "enonet"},
                                     {ENOPKG, "enopkg"},
                                     {EREMOTE, "eremote"},
                                     {ENOLINK, "enolink"},
                                     {EADV, "eadv"},
                                     {ESRMNT, "esrmnt"},
                                     {ECOMM, "ecomm"},
                                     {EPROTO, "eproto"},
                                     {EMULTIHOP, "emultihop"},
                                     {EDOTDOT, "edotdot"},
                                     {EBADMSG, "ebadmsg"},
                                     {EOVERFLOW, "eoverflow"},
                                     {ENOTUNIQ, "enotuniq"},
                                     {EBADFD, "ebadfd"},
                                     {EREMCHG, "eremchg"},
                                     {ELIBACC, "elibacc"},
                                     {ELIBBAD, "elibbad"},
                                     {ELIBSCN, "elibscn"},
                                     {ELIBMAX, "elibmax"},
                                     {ELIBEXEC, "elibexec"},
                                     {EILSEQ, "eilseq"},
                                     {ERESTART, "erestart"},
                                     {ESTRPIPE, "estrpipe"},
                                     {EUSERS, "eusers"},
                                     {ENOTSOCK, "enotsock"},
                                     {EDESTADDRREQ, "edestaddrreq"},
                                     {EMSGSIZE, "emsgsize"},
                                     {EPROTOTYPE, "eprototype"},
                                     {ENOPROTOOPT, "enoprotoopt"},
                                     {EPROTONOSUPPORT, "eprotonosupport"},
                                     {ESOCKTNOSUPPORT, "esocktnosupport"},
                                     {EOPNOTSUPP, "enotsup"},
                                     {EPFNOSUPPORT, "epfnosupport"},
                                     {EAFNOSUPPORT, "eafnosupport"},
                                     {EADDRINUSE, "eaddrinuse"},
                                     {EADDRNOTAVAIL, "eaddrnotavail"},
                                     {ENETDOWN, "enetdown"},
                                     {ENETUNREACH, "enetunreach"},
                                     {ENETRESET, "enetreset"},
                                     {ECONNABORTED, "econnaborted"},
                                     {ECONNRESET, "econnreset"},
                                     {ENOBUFS, "enobufs"},
                                     {EISCONN, "eisconn"},
                                     {ENOTCONN, "enotconn"},
                                     {ESHUTDOWN, "eshutdown"},
                                     {ETOOMANYREFS, "etoomanyrefs"},
                                     {ETIMEDOUT, "etimedout"},
                                     {ECONNREFUSED, "econnrefused"},
                                     {EHOSTDOWN, "ehostdown"},
                                     {EHOSTUNREACH, "ehostunreach"},
                                     {EALREADY, "ealready"},
                                     {EINPROGRESS, "einprogress"},
                                     {ESTALE, "estale"},
                                     {EUCLEAN, "euclean"},
                                     {ENOTNAM, "enotnam"},
                                     {ENAVAIL, "enavail"},
                                     {EISNAM, "eisnam"},
                                     {EREMOTEIO, "eremoteio"},
                                     {EDQUOT, "edquot"},
                                     {ENOMEDIUM, "enomedium"},
                                     {EMEDIUMTYPE, "emediumtype"},
                                     {ECANCELED, "ecanceled"},
                                     {ENOKEY, "enokey"},
                                     {EKEYEXPIRED, "ekeyexpired"},
                                     {EKEYREVOKED, "ekeyrevoked"},
                                     {EKEYREJECTED, "ekeyrejected"},
                                     {EOWNERDEAD, "eownerdead"},
                                     {ENOTRECOVERABLE, "enotrecoverable"},
                                     {ERFKILL, "erfkill"},
                                     {EHWPOISON, "ehwpoison"}};

constexpr std::string_view kStageNames[] = {
    "none",      "option",        "cgroup", "pipe",   "fork",         "stdio",        "session",
    "rlimit",    "oom_score_adj", "nice",   "ids",    "capabilities", "no_new_privs", "seccomp",
    "landlock",  "signal",        "chdir",  "exec",   "file",         "protocol",     "limit",
    "namespace", "mount",         "id_map", "network"};

}  // namespace

std::string_view name(Stage stage) {
  const auto index = static_cast<std::size_t>(stage);
  return index < std::size(kStageNames) ? kStageNames[index] : std::string_view("unknown");
}

std::optional<Stage> stage_named(std::string_view name) {
  const auto* found = std::find(std::begin(kStageNames), std::end(kStageNames), name);
  if (found == std::end(kStageNames)) return std::nullopt;
  return static_cast<Stage>(found - std::begin(kStageNames));
}

std::string errno_name(int code) {
  const auto has_code = [code](const ErrnoName& entry) { return entry.code == code; };
  const auto* found = std::find_if(std::begin(kErrnoNames), std::end(kErrnoNames), has_code);
  return found == std::end(kErrnoNames) ? fmt::format("errno_{}", code) : std::string(found->name);
}

std::optional<int> errno_named(std::string_view name) {
  const auto has_name = [name](const ErrnoName& entry) { return entry.name == name; };
  const auto* found = std::find_if(std::begin(kErrnoNames), std::end(kErrnoNames), has_name);
  return found == std::end(kErrnoNames) ? std::nullopt : std::optional(found->code);
}

std::string Error::message() const {
  const auto text = fmt::format("{}: {}", name(stage), errno_name(code));
  return subject.empty() ? text : fmt::format("{} ({})", text, subject);
}

}  // namespace contained
