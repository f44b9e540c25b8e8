# Seccomp::seccomp, filters of system calls. The static library where the C++ runtime is static too: the
# image that the program runs in may lack the shared one.
find_path(Seccomp_INCLUDE_DIR seccomp.h)
if(CONTAINED_STATIC_RUNTIME)
  find_library(Seccomp_LIBRARY NAMES libseccomp.a seccomp)
else()
  find_library(Seccomp_LIBRARY NAMES seccomp)
endif()
if(Seccomp_INCLUDE_DIR)
  file(STRINGS ${Seccomp_INCLUDE_DIR}/seccomp.h seccomp_versions
    REGEX "^#define SCMP_VER_(MAJOR|MINOR|MICRO)[ \t]+[0-9]+")
  string(REGEX REPLACE "[^0-9;]+" "" seccomp_versions "${seccomp_versions}")
  string(REPLACE ";" "." Seccomp_VERSION "${seccomp_versions}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Seccomp
  REQUIRED_VARS Seccomp_LIBRARY Seccomp_INCLUDE_DIR
  VERSION_VAR Seccomp_VERSION
  REASON_FAILURE_MESSAGE
    "install libseccomp-dev (libseccomp-devel, libseccomp), or do without: -DCONTAINED_SECCOMP=OFF")

if(Seccomp_FOUND AND NOT TARGET Seccomp::seccomp)
  add_library(Seccomp::seccomp UNKNOWN IMPORTED)
  set_target_properties(Seccomp::seccomp PROPERTIES
    IMPORTED_LOCATION "${Seccomp_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Seccomp_INCLUDE_DIR}")
endif()
