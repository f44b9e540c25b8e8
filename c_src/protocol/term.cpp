#include "protocol/term.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

#include "protocol/frame.hpp"

namespace contained::protocol {
namespace {

constexpr unsigned char kVersionByte = 131;
constexpr std::size_t kMaxAtom = 255;  // characters

enum class Kind : std::uint8_t {
  kFixed,
  kBytes,
  kLatin1Atom,
  kUtf8Atom,
  kBig,
  kTuple,
  kList,
  kMap
};

// What follows a tag: kFixed that many bytes, all others a count of that many bytes and then so
// many bytes or terms.
struct Shape {
  int tag;
  Kind kind;
  std::size_t width;
};

constexpr std::array kShapes = {Shape{ERL_SMALL_INTEGER_EXT, Kind::kFixed, 1},
                                Shape{ERL_INTEGER_EXT, Kind::kFixed, 4},
                                Shape{NEW_FLOAT_EXT, Kind::kFixed, 8},
                                Shape{ERL_NIL_EXT, Kind::kFixed, 0},
                                Shape{ERL_STRING_EXT, Kind::kBytes, 2},
                                Shape{ERL_BINARY_EXT, Kind::kBytes, 4},
                                Shape{ERL_ATOM_EXT, Kind::kLatin1Atom, 2},
                                Shape{ERL_SMALL_ATOM_EXT, Kind::kLatin1Atom, 1},
                                Shape{ERL_ATOM_UTF8_EXT, Kind::kUtf8Atom, 2},
                                Shape{ERL_SMALL_ATOM_UTF8_EXT, Kind::kUtf8Atom, 1},
                                Shape{ERL_SMALL_BIG_EXT, Kind::kBig, 1},
                                Shape{ERL_LARGE_BIG_EXT, Kind::kBig, 4},
                                Shape{ERL_SMALL_TUPLE_EXT, Kind::kTuple, 1},
                                Shape{ERL_LARGE_TUPLE_EXT, Kind::kTuple, 4},
                                Shape{ERL_LIST_EXT, Kind::kList, 4},
                                Shape{ERL_MAP_EXT, Kind::kMap, 4}};

std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >> 5 == 0b110) return 2;
  if (lead >> 4 == 0b1110) return 3;
  return lead >> 3 == 0b11110 ? 4 : 0;
}

// Whether |bytes|, a lead byte and what it asks for, are one character: shortest form, no surrogate
// (RFC 3629, section 3).
bool is_character(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const auto size = bytes.size();
  const auto lead = static_cast<unsigned char>(bytes.front());
  std::uint32_t code = size == 1 ? lead : lead & (0x7fU >> size);
  for (const char c : bytes.substr(1)) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) return false;
    code = code << 6 | (static_cast<unsigned char>(c) & 0x3f);
  }
  return code >= kSmallest[size] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

bool is_utf8_atom(std::string_view name) {
  std::size_t characters = 0;
  while (!name.empty()) {
    const auto size = sequence_length(static_cast<unsigned char>(name.front()));
    if (size == 0 || size > name.size() || !is_character(name.substr(0, size))) return false;
    name.remove_prefix(size);
    ++characters;
  }
  return characters <= kMaxAtom;
}

class Walker {
 public:
  explicit Walker(std::string_view bytes) : bytes_(bytes) {}
  bool walk();
  std::size_t at() const { return at_; }

 private:
  std::size_t left() const { return bytes_.size() - at_; }
  std::optional<std::string_view> take(std::size_t n);
  std::optional<std::size_t> take_count(std::size_t width);
  bool one();
  bool body(Kind kind, std::size_t count);
  bool big(std::size_t digits);
  bool open(std::size_t children);
  void close_finished();

  std::string_view bytes_;
  std::size_t at_ = 0;
  std::array<std::size_t, kMaxDepth> missing_ = {};  // terms, per container that is open
  std::size_t depth_ = 0;
};

bool Walker::walk() {
  const auto version = take(1);
  if (!version || static_cast<unsigned char>(version->front()) != kVersionByte) return false;
  do {
    if (!one()) return false;
    close_finished();
  } while (depth_ > 0);
  return at_ == bytes_.size();
}

std::optional<std::string_view> Walker::take(std::size_t n) {
  if (left() < n) return std::nullopt;
  at_ += n;
  return bytes_.substr(at_ - n, n);
}

std::optional<std::size_t> Walker::take_count(std::size_t width) {
  const auto digits = take(width);
  if (!digits) return std::nullopt;
  std::size_t count = 0;
  for (const char digit : *digits) count = count << 8 | static_cast<unsigned char>(digit);
  return count;
}

bool Walker::one() {
  if (depth_ > 0) --missing_[depth_ - 1];
  const auto tag = take_count(1);
  if (!tag) return false;
  const auto* shape = std::find_if(kShapes.begin(), kShapes.end(), [&](const Shape& candidate) {
    return candidate.tag == static_cast<int>(*tag);
  });
  if (shape == kShapes.end()) return false;
  if (shape->kind == Kind::kFixed) return take(shape->width).has_value();
  const auto count = take_count(shape->width);
  // Each thing counted takes a byte at least, which bounds an arity before anybody counts to it.
  return count && *count <= left() && body(shape->kind, *count);
}

bool Walker::body(Kind kind, std::size_t count) {
  switch (kind) {
    case Kind::kLatin1Atom:
      return count <= kMaxAtom && take(count);
    case Kind::kUtf8Atom: {
      const auto name = take(count);
      return name && is_utf8_atom(*name);
    }
    case Kind::kBig:
      return big(count);
    case Kind::kTuple:
      return open(count);
    case Kind::kList:
      // No VM writes an empty LIST_EXT, and ei would not skip its tail.
      return count > 0 && open(count + 1);
    case Kind::kMap:
      return open(2 * count);
    default:
      return take(count).has_value();
  }
}

bool Walker::big(std::size_t digits) {
  const auto sign = take_count(1);
  return sign && *sign <= 1 && take(digits);
}

bool Walker::open(std::size_t children) {
  if (depth_ == kMaxDepth || children > left()) return false;
  missing_[depth_++] = children;
  return true;
}

void Walker::close_finished() {
  while (depth_ > 0 && missing_[depth_ - 1] == 0) --depth_;
}

std::optional<std::size_t> header(int (*decode)(const char*, int*, int*), std::string_view term,
                                  int& index) {
  int count = 0;
  if (decode(term.data(), &index, &count) != 0) return std::nullopt;
  return static_cast<std::size_t>(count);
}

// ei_x_encode_* fail for want of memory only.
void must(int failed) {
  if (failed != 0) throw std::bad_alloc();
}

}  // namespace

Status check_term(std::string_view bytes) {
  if (bytes.size() > kMaxRequest) return Error{EBADMSG, Stage::kProtocol, "term too long"};
  Walker walker(bytes);
  if (walker.walk()) return Done{};
  return Error{EBADMSG, Stage::kProtocol, fmt::format("term, near byte {}", walker.at())};
}

// Without ei_init(): it readies connections to nodes, which would be linked with it (55 kB), and
// the codecs hold no state.
TermReader::TermReader(std::string_view term) : term_(term) {}

std::optional<std::size_t> TermReader::tuple() {
  return header(ei_decode_tuple_header, term_, index_);
}

std::optional<std::size_t> TermReader::map() { return header(ei_decode_map_header, term_, index_); }

// A list of small integers comes as STRING_EXT: bytes_list() takes it. An empty one is [].
std::optional<std::size_t> TermReader::list() {
  const auto item = peek();
  if (item.type != ERL_STRING_EXT) return header(ei_decode_list_header, term_, index_);
  if (item.size != 0 || ei_skip_term(term_.data(), &index_) != 0) return std::nullopt;
  return 0;
}

std::optional<std::string_view> TermReader::bytes_list() {
  const auto item = peek();
  if (item.type != ERL_STRING_EXT) return std::nullopt;
  if (ei_skip_term(term_.data(), &index_) != 0) return std::nullopt;
  return term_.substr(static_cast<std::size_t>(index_) - item.size, item.size);
}

bool TermReader::end_list(std::size_t count) {
  return count == 0 || (peek().type == ERL_NIL_EXT && list());
}

std::optional<std::string> TermReader::atom() {
  std::array<char, MAXATOMLEN_UTF8> name;
  const auto size = peek().size;
  int after = index_;
  if (ei_decode_atom_as(term_.data(), &after, name.data(), static_cast<int>(name.size()),
                        ERLANG_UTF8, nullptr, nullptr) != 0) {
    return std::nullopt;
  }
  // ei hands out a C string: a NUL inside would cut the name short and make it another.
  const auto raw = term_.substr(static_cast<std::size_t>(after) - size, size);
  if (raw.find('\0') != std::string_view::npos) return std::nullopt;
  index_ = after;
  return std::string(name.data());
}

std::optional<std::string_view> TermReader::binary() {
  long size = 0;
  if (peek().type != ERL_BINARY_EXT) return std::nullopt;
  // Without a place to copy to, ei only moves behind the binary.
  if (ei_decode_binary(term_.data(), &index_, nullptr, &size) != 0) return std::nullopt;
  return std::string_view(term_.data() + index_ - size, static_cast<std::size_t>(size));
}

std::optional<std::int64_t> TermReader::integer() {
  long long value = 0;
  if (ei_decode_longlong(term_.data(), &index_, &value) != 0) return std::nullopt;
  return value;
}

bool TermReader::at_integer() const {
  static constexpr std::array kTypes = {ERL_SMALL_INTEGER_EXT, ERL_INTEGER_EXT, ERL_SMALL_BIG_EXT,
                                        ERL_LARGE_BIG_EXT};
  return std::find(kTypes.begin(), kTypes.end(), peek().type) != kTypes.end();
}

TermReader::Item TermReader::peek() const {
  int type = 0;
  int size = 0;
  if (ei_get_type(term_.data(), &index_, &type, &size) != 0) return {};
  return {type, static_cast<std::size_t>(size)};
}

TermWriter::TermWriter() { must(ei_x_new_with_version(&buffer_)); }

TermWriter::~TermWriter() { ei_x_free(&buffer_); }

TermWriter& TermWriter::tuple(std::size_t arity) {
  must(ei_x_encode_tuple_header(&buffer_, static_cast<long>(arity)));
  return *this;
}

TermWriter& TermWriter::map(std::size_t pairs) {
  must(ei_x_encode_map_header(&buffer_, static_cast<long>(pairs)));
  return *this;
}

TermWriter& TermWriter::list(std::size_t count) {
  must(ei_x_encode_list_header(&buffer_, static_cast<long>(count)));
  return *this;
}

TermWriter& TermWriter::end_list(std::size_t count) {
  if (count > 0) must(ei_x_encode_empty_list(&buffer_));
  return *this;
}

TermWriter& TermWriter::atom(std::string_view name) {
  must(ei_x_encode_atom_len_as(&buffer_, name.data(), static_cast<int>(name.size()), ERLANG_UTF8,
                               ERLANG_UTF8));
  return *this;
}

TermWriter& TermWriter::binary(std::string_view bytes) {
  must(ei_x_encode_binary(&buffer_, bytes.data(), static_cast<int>(bytes.size())));
  return *this;
}

TermWriter& TermWriter::integer(std::int64_t value) {
  must(ei_x_encode_longlong(&buffer_, value));
  return *this;
}

TermWriter& TermWriter::count(std::uint64_t value) {
  must(ei_x_encode_ulonglong(&buffer_, value));
  return *this;
}

std::string_view TermWriter::bytes() const {
  return {buffer_.buff, static_cast<std::size_t>(buffer_.index)};
}

}  // namespace contained::protocol
