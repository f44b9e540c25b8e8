# ErlNif::ErlNif, the header of native functions; the VM itself resolves what it declares.
#
# Taken from ERTS_INCLUDE_DIR, a cache or environment variable (Nerves and our Mix compiler set it); else
# `erl` is asked.
set(erts_include "${ERTS_INCLUDE_DIR}")
if(NOT erts_include)
  set(erts_include "$ENV{ERTS_INCLUDE_DIR}")
endif()

if(NOT erts_include AND NOT CMAKE_CROSSCOMPILING)
  find_program(CONTAINED_ERL erl)
  if(CONTAINED_ERL)
    execute_process(
      COMMAND ${CONTAINED_ERL} -noshell -boot start_clean -eval
              "io:put_chars([code:root_dir(), \"/erts-\", erlang:system_info(version), \"/include\"]), halt()."
      OUTPUT_VARIABLE erts_include ERROR_QUIET)
  endif()
endif()

find_path(ErlNif_INCLUDE_DIR erl_nif.h
  PATHS "${erts_include}" "${erts_include}/../../usr/include" NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ErlNif
  REQUIRED_VARS ErlNif_INCLUDE_DIR
  REASON_FAILURE_MESSAGE
    "without erl_nif.h (erlang-dev, or ERTS_INCLUDE_DIR) the VM asks the port program about everything")

if(ErlNif_FOUND AND NOT TARGET ErlNif::ErlNif)
  add_library(ErlNif::ErlNif INTERFACE IMPORTED)
  set_target_properties(ErlNif::ErlNif PROPERTIES
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${ErlNif_INCLUDE_DIR}"
    INTERFACE_INCLUDE_DIRECTORIES "${ErlNif_INCLUDE_DIR}")
endif()
