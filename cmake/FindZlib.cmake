# Zlib::zlib, for compressed logs. The static library where the C++ runtime is static too: the
# image that the program runs in may lack the shared one.
find_path(Zlib_INCLUDE_DIR zlib.h)
if(CONTAINED_STATIC_RUNTIME)
  find_library(Zlib_LIBRARY NAMES libz.a z)
else()
  find_library(Zlib_LIBRARY NAMES z)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Zlib
  REQUIRED_VARS Zlib_LIBRARY Zlib_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install zlib1g-dev (zlib-devel, zlib)")

if(Zlib_FOUND AND NOT TARGET Zlib::zlib)
  add_library(Zlib::zlib UNKNOWN IMPORTED)
  set_target_properties(Zlib::zlib PROPERTIES
    IMPORTED_LOCATION "${Zlib_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Zlib_INCLUDE_DIR}")
endif()
