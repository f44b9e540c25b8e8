# shellcheck shell=sh disable=SC2034
# Sourced by the scripts of this folder: the same environment for a user, for root and in CI.
cd "$(dirname "$0")/.." || exit 1
export LC_ALL="${LC_ALL:-C.UTF-8}"
export HOME="${HOME:-/tmp}"
# Without it a VM started in a non-UTF-8 locale warns on each start.
export ELIXIR_ERL_OPTIONS="${ELIXIR_ERL_OPTIONS:-+fnu}"
jobs="${JOBS:-$(nproc)}"
export CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$jobs}"
