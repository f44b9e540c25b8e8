# ErlInterface::ei, the C library of OTP for external terms.
#
# Taken from ERL_EI_INCLUDE_DIR and ERL_EI_LIBDIR, as cache or environment variables (elixir_make,
# Nerves and our Mix compiler set them); else `erl` is asked. Both are plain paths, so that a
# toolchain file's root path mode does not move them.
set(ei_include "${ERL_EI_INCLUDE_DIR}")
set(ei_lib "${ERL_EI_LIBDIR}")
if(NOT ei_include)
  set(ei_include "$ENV{ERL_EI_INCLUDE_DIR}")
endif()
if(NOT ei_lib)
  set(ei_lib "$ENV{ERL_EI_LIBDIR}")
endif()

if(NOT (ei_include AND ei_lib) AND NOT CMAKE_CROSSCOMPILING)
  find_program(CONTAINED_ERL erl)
  if(CONTAINED_ERL)
    execute_process(
      COMMAND ${CONTAINED_ERL} -noshell -boot start_clean -eval
              "io:put_chars(code:lib_dir(erl_interface)), halt()."
      OUTPUT_VARIABLE ei_root RESULT_VARIABLE erl_status ERROR_QUIET)
    if(erl_status EQUAL 0)
      set(ei_include "${ei_root}/include")
      set(ei_lib "${ei_root}/lib")
    endif()
  endif()
endif()

find_path(ErlInterface_INCLUDE_DIR ei.h
  PATHS "${ei_include}" NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
find_library(ErlInterface_LIBRARY ei
  PATHS "${ei_lib}" NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ErlInterface
  REQUIRED_VARS ErlInterface_LIBRARY ErlInterface_INCLUDE_DIR
  REASON_FAILURE_MESSAGE
    "install erlang-dev, or set ERL_EI_INCLUDE_DIR and ERL_EI_LIBDIR to the folders of ei.h and libei.a")

if(ErlInterface_FOUND AND NOT TARGET ErlInterface::ei)
  set(CMAKE_THREAD_PREFER_PTHREAD TRUE)
  find_package(Threads REQUIRED)
  add_library(ErlInterface::ei UNKNOWN IMPORTED)
  set_target_properties(ErlInterface::ei PROPERTIES
    IMPORTED_LOCATION "${ErlInterface_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${ErlInterface_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
