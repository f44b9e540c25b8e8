// The one place that includes CLI11: what stands in one of its headers is defined in another.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
