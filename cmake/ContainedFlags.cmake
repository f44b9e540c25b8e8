# contained_flags: how every target of ours is compiled.
# contained_program_flags: how the programs that users run are linked.
include(CheckCXXCompilerFlag)
include(CheckCXXSourceRuns)
include(CheckLinkerFlag)

# Plain C++, or `linux` and `unix` would be macros.
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)

add_library(contained_flags INTERFACE)
target_compile_features(contained_flags INTERFACE cxx_std_20)
target_compile_definitions(contained_flags INTERFACE
  _GNU_SOURCE CONTAINED_VERSION="${CONTAINED_VERSION}" BOOST_ASIO_NO_DEPRECATED
  # No number of ours is grouped by a locale, and all of them together are a quarter of a program.
  FMT_STATIC_THOUSANDS_SEPARATOR=',')
target_compile_options(contained_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  $<$<BOOL:${CONTAINED_WERROR}>:-Werror>)

# Hardening. Each is asked for apart: cross compilers differ. _FORTIFY_SOURCE needs an optimising
# build and does not go with AddressSanitizer. Of control flow only returns are marked: Linux has no user-space
# IBT, for which every function would begin with an instruction more, 3 % of a program (kernel.org, x86/shstk).
foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=return)
  string(MAKE_C_IDENTIFIER "CONTAINED_HAS${flag}" known)
  # -Werror: clang only warns of a flag that the target cannot have.
  check_cxx_compiler_flag("-Werror ${flag}" ${known})
  if(${known})
    target_compile_options(contained_flags INTERFACE ${flag})
  endif()
endforeach()

if(CONTAINED_SANITIZE)
  set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_compile_options(contained_flags INTERFACE ${sanitizers} -fno-omit-frame-pointer)
  target_link_options(contained_flags INTERFACE ${sanitizers})
else()
  target_compile_options(contained_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>)
endif()

add_library(contained_program_flags INTERFACE)
target_compile_options(contained_program_flags INTERFACE -ffunction-sections -fdata-sections)
target_link_options(contained_program_flags INTERFACE
  -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections
  $<$<OR:$<CONFIG:Release>,$<CONFIG:MinSizeRel>>:-s>)
if(CONTAINED_STATIC_RUNTIME AND NOT CONTAINED_SANITIZE)
  # A program built in one image runs in another: the C++ runtime is the part that differs.
  check_linker_flag(CXX -static-libstdc++ CONTAINED_HAS_STATIC_LIBSTDCXX)
  check_linker_flag(CXX -static-libgcc CONTAINED_HAS_STATIC_LIBGCC)
  target_link_options(contained_program_flags INTERFACE
    $<$<BOOL:${CONTAINED_HAS_STATIC_LIBSTDCXX}>:-static-libstdc++>
    $<$<BOOL:${CONTAINED_HAS_STATIC_LIBGCC}>:-static-libgcc>)
endif()

# Relocations packed as bits (DT_RELR): 70 kB of a program. The loader must know them (glibc 2.36, musl
# 1.2.4), which only a program that runs can tell.
if(NOT CMAKE_CROSSCOMPILING)
  set(CMAKE_REQUIRED_LINK_OPTIONS -Wl,-z,pack-relative-relocs)
  check_cxx_source_runs("static int zero; int* volatile at = &zero; int main() { return *at; }"
    CONTAINED_HAS_RELR)
  unset(CMAKE_REQUIRED_LINK_OPTIONS)
endif()
