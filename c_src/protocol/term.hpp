// Terms in Erlang's external format ("External Term Format", erts), read and written through ei.
//
// ei_decode_* trusts the bytes: it reads what a length field says. So check_term() goes over every
// term first, and TermReader is for terms that passed.
#pragma once

#include <ei.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace contained::protocol {

/// EBADMSG unless |bytes| are the version byte and exactly one well-formed term of at most
/// kMaxRequest bytes, nested kMaxDepth deep at most, of numbers, atoms, binaries, tuples, lists
/// (improper ones too) and maps. Compressed terms, and what belongs to one VM (pids, ports,
/// references, funs), are refused. Needs neither heap nor recursion.
Status check_term(std::string_view bytes);

/// A cursor over a checked term. Each call takes one item and moves behind it, or answers nullopt
/// and stays where it was.
class TermReader {
 public:
  /// REQUIRES: check_term(term).ok(); |term| outlives the reader and the views it hands out.
  explicit TermReader(std::string_view term);

  /// Headers: how many elements (pairs, of a map) follow.
  std::optional<std::size_t> tuple();
  std::optional<std::size_t> map();
  std::optional<std::size_t> list();
  /// A list of integers from 0 to 255, which Erlang writes as one string: each of them a byte.
  std::optional<std::string_view> bytes_list();
  /// Takes the tail of a list of |count| elements; false when the list is improper.
  bool end_list(std::size_t count);

  /// The name in UTF-8. An atom that holds a NUL is not read.
  std::optional<std::string> atom();
  std::optional<std::string_view> binary();
  /// nullopt also when it does not fit; at_integer() tells the two apart.
  std::optional<std::int64_t> integer();
  bool at_integer() const;

 private:
  struct Item {
    int type = 0;
    std::size_t size = 0;
  };
  Item peek() const;

  std::string_view term_;
  int index_ = 1;  // behind the version byte
};

/// Builds one term, in order of its parts. Atoms come out as UTF-8 atoms whatever ei's version.
/// Running out of memory throws std::bad_alloc.
class TermWriter {
 public:
  TermWriter();
  ~TermWriter();
  TermWriter(const TermWriter&) = delete;
  TermWriter& operator=(const TermWriter&) = delete;

  TermWriter& tuple(std::size_t arity);
  TermWriter& map(std::size_t pairs);
  TermWriter& list(std::size_t count);  ///< of no elements: the whole list
  TermWriter& end_list(std::size_t count);
  TermWriter& atom(std::string_view name);  ///< REQUIRES: UTF-8, at most 255 characters.
  TermWriter& binary(std::string_view bytes);
  TermWriter& integer(std::int64_t value);
  TermWriter& count(std::uint64_t value);

  /// Version byte and term.
  std::string_view bytes() const;

 private:
  ei_x_buff buffer_ = {};
};

}  // namespace contained::protocol
