// The one place that includes Asio. <utility> comes first: Boost 1.74 forgets it before
// std::exchange.
#pragma once

#include <utility>
//
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace contained::engine {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

}  // namespace contained::engine
