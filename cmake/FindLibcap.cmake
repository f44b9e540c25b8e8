# Libcap::cap, the names of capabilities. The static library where the C++ runtime is static too: the
# image that the program runs in may lack the shared one.
find_path(Libcap_INCLUDE_DIR sys/capability.h)
if(CONTAINED_STATIC_RUNTIME)
  find_library(Libcap_LIBRARY NAMES libcap.a cap)
else()
  find_library(Libcap_LIBRARY NAMES cap)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libcap
  REQUIRED_VARS Libcap_LIBRARY Libcap_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libcap-dev (libcap-devel, libcap)")

if(Libcap_FOUND AND NOT TARGET Libcap::cap)
  add_library(Libcap::cap UNKNOWN IMPORTED)
  set_target_properties(Libcap::cap PROPERTIES
    IMPORTED_LOCATION "${Libcap_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Libcap_INCLUDE_DIR}")
endif()
