#include "nif/terms.hpp"

#include <algorithm>

namespace contained::nif {
namespace {

std::optional<std::uint64_t> to_count(ErlNifEnv* env, Term term) {
  ErlNifUInt64 number = 0;
  if (enif_get_uint64(env, term, &number) == 0) return std::nullopt;
  return number;
}

template <class T, class Read>
std::optional<std::vector<T>> each_of(ErlNifEnv* env, Term term, Read read) {
  const auto terms = to_list(env, term);
  if (!terms) return std::nullopt;
  std::vector<T> all;
  for (const auto one : *terms) {
    auto value = read(env, one);
    if (!value) return std::nullopt;
    all.push_back(std::move(*value));
  }
  return all;
}

bool is_nil(ErlNifEnv* env, Term term) { return enif_is_identical(term, atom(env, "nil")) != 0; }

// {UserUs, SystemUs}, or nil.
bool read_before(ErlNifEnv* env, Term term, std::optional<cgroup::CpuTime>& before) {
  if (is_nil(env, term)) return true;
  const auto parts = to_tuple(env, term);
  if (!parts || parts->size() != 2) return false;
  const auto user = to_count(env, (*parts)[0]);
  const auto system = to_count(env, (*parts)[1]);
  if (!user || !system) return false;
  before = {*user, *system};
  return true;
}

std::optional<cgroup::Address> to_address(ErlNifEnv* env, Term term) {
  const auto parts = to_tuple(env, term);
  if (!parts || (parts->size() != 2 && parts->size() != 4)) return std::nullopt;
  auto controllers = each_of<std::string>(env, (*parts)[0], to_text);
  auto path = to_text(env, (*parts)[1]);
  // A name alone would be looked for in the VM's directory.
  if (!controllers || !path || !path->starts_with('/')) return std::nullopt;
  cgroup::Address address{std::move(*controllers), std::move(*path), 0, {}};
  if (parts->size() == 2) return address;
  const auto inode = to_count(env, (*parts)[2]);
  if (!inode || !read_before(env, (*parts)[3], address.before)) return std::nullopt;
  address.inode = *inode;
  return address;
}

std::optional<cgroup::Limit> to_limit(ErlNifEnv* env, Term term) {
  const auto parts = to_tuple(env, term);
  if (!parts || parts->size() != 2) return std::nullopt;
  auto key = to_text(env, (*parts)[0]);
  auto value = to_text(env, (*parts)[1]);
  if (!key || !value) return std::nullopt;
  return cgroup::Limit{std::move(*key), std::move(*value)};
}

}  // namespace

Term atom(ErlNifEnv* env, std::string_view name) {
  return enif_make_atom_len(env, name.data(), name.size());
}

Term boolean(ErlNifEnv* env, bool value) { return atom(env, value ? "true" : "false"); }

Term binary(ErlNifEnv* env, std::string_view bytes) {
  Term term = 0;
  auto* const to = enif_make_new_binary(env, bytes.size(), &term);
  std::copy(bytes.begin(), bytes.end(), to);
  return term;
}

Term list(ErlNifEnv* env, const std::vector<Term>& terms) {
  return enif_make_list_from_array(env, terms.data(), static_cast<unsigned>(terms.size()));
}

Term binaries(ErlNifEnv* env, const std::vector<std::string>& all) {
  std::vector<Term> terms;
  for (const auto& each : all) terms.push_back(binary(env, each));
  return list(env, terms);
}

Term numbers(ErlNifEnv* env, const std::vector<pid_t>& all) {
  std::vector<Term> terms;
  for (const auto each : all) terms.push_back(enif_make_int(env, each));
  return list(env, terms);
}

Term counters(ErlNifEnv* env, const cgroup::Stats& stats) {
  std::vector<Term> terms;
  for (const auto& [name, value] : stats) {
    terms.push_back(enif_make_tuple2(env, binary(env, name), enif_make_uint64(env, value)));
  }
  return list(env, terms);
}

Term limits(ErlNifEnv* env, const std::vector<cgroup::Limit>& limits) {
  std::vector<Term> terms;
  for (const auto& [key, value] : limits) {
    terms.push_back(enif_make_tuple2(env, binary(env, key), binary(env, value)));
  }
  return list(env, terms);
}

Term map(ErlNifEnv* env, const Fields& fields) {
  Term term = enif_make_new_map(env);
  for (const auto& [key, value] : fields)
    enif_make_map_put(env, term, atom(env, key), value, &term);
  return term;
}

Term process(ErlNifEnv* env, const ProcRow& row) {
  return map(env, {{"pid", enif_make_int(env, row.stat.pid)},
                   {"ppid", enif_make_int(env, row.stat.ppid)},
                   {"start_time", enif_make_uint64(env, row.stat.start_time)},
                   {"state", binary(env, {&row.stat.state, 1})},
                   {"name", binary(env, row.name)},
                   {"command", binary(env, row.command)}});
}

Term ok(ErlNifEnv* env, Term term) { return enif_make_tuple2(env, atom(env, "ok"), term); }

Term error(ErlNifEnv* env, const Error& error) {
  return enif_make_tuple4(env, atom(env, "error"), atom(env, name(error.stage)),
                          atom(env, errno_name(error.code)), binary(env, error.subject));
}

Term done(ErlNifEnv* env, const Status& status) {
  return status ? ok(env, atom(env, "nil")) : error(env, status.error());
}

std::optional<std::string> to_text(ErlNifEnv* env, Term term) {
  ErlNifBinary bytes;
  if (enif_inspect_binary(env, term, &bytes) == 0) return std::nullopt;
  std::string text(reinterpret_cast<const char*>(bytes.data), bytes.size);
  // The kernel would see what stands before it.
  if (text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

std::optional<std::vector<Term>> to_list(ErlNifEnv* env, Term term) {
  unsigned length = 0;
  if (enif_get_list_length(env, term, &length) == 0) return std::nullopt;
  std::vector<Term> terms;
  Term head = 0;
  while (enif_get_list_cell(env, term, &head, &term) != 0) terms.push_back(head);
  return terms;
}

std::optional<std::vector<Term>> to_tuple(ErlNifEnv* env, Term term) {
  int arity = 0;
  const Term* parts = nullptr;
  if (enif_get_tuple(env, term, &arity, &parts) == 0) return std::nullopt;
  return std::vector<Term>(parts, parts + arity);
}

std::optional<std::int32_t> to_int(ErlNifEnv* env, Term term) {
  int number = 0;
  if (enif_get_int(env, term, &number) == 0) return std::nullopt;
  return number;
}

std::optional<std::vector<cgroup::Address>> to_addresses(ErlNifEnv* env, Term term) {
  return each_of<cgroup::Address>(env, term, to_address);
}

std::optional<std::vector<cgroup::Limit>> to_limits(ErlNifEnv* env, Term term) {
  return each_of<cgroup::Limit>(env, term, to_limit);
}

}  // namespace contained::nif
