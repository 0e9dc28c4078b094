// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept/layout.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "controller/kept/fingerprint.h"

namespace bpftune {
namespace {

// Far more than any record has; a damaged object shall not keep us busy.
constexpr int kMostTypes = 4096;
constexpr int kDeepest = 32;

class Walk {
 public:
  explicit Walk(const btf* types) : types_(types) {}

  // False: there is no end to it, or a type is missing.
  bool Add(uint32_t id, int depth = 0) {
    const btf_type* type = btf__type_by_id(types_, id);
    if (!type || id == 0 || depth > kDeepest || ++seen_ > kMostTypes) return false;
    if (btf_is_mod(type) || btf_is_typedef(type)) return Add(type->type, depth + 1);
    sum_.Add(btf_kind(type));
    if (btf_is_array(type)) {
      sum_.Add(btf_array(type)->nelems);
      return Add(btf_array(type)->type, depth + 1);
    }
    if (btf_is_ptr(type)) return true;  // means nothing outside the program anyway
    sum_.Add(type->size);
    return !btf_is_composite(type) || AddMembers(type, depth);
  }

  uint64_t value() const { return sum_.value(); }

 private:
  bool AddMembers(const btf_type* type, int depth) {
    const btf_member* members = btf_members(type);
    for (uint16_t i = 0; i < btf_vlen(type); ++i) {
      const char* name = btf__name_by_offset(types_, members[i].name_off);
      sum_.Add(std::string_view(name ? name : ""));
      sum_.Add(members[i].offset);  // with the size of a bit field, where it is one
      if (!Add(members[i].type, depth + 1)) return false;
    }
    return true;
  }

  const btf* types_;
  Fingerprint sum_;
  int seen_ = 0;
};

}  // namespace

Result<uint64_t> LayoutOf(const btf* types, uint32_t type) {
  Walk walk(types);
  if (!walk.Add(type)) return Error("a type that is missing or without end");
  return walk.value();
}

Result<uint64_t> LayoutOf(const btf* types, const bpf_map* map) {
  const auto key = LayoutOf(types, bpf_map__btf_key_type_id(map));
  const auto value = LayoutOf(types, bpf_map__btf_value_type_id(map));
  const auto what = std::string("map '") + bpf_map__name(map) + "'";
  if (!key) return key.error().Within(what + ", key");
  if (!value) return value.error().Within(what + ", value");
  Fingerprint both;
  both.Add(*key);
  both.Add(*value);
  return both.value();
}

uint64_t RowsOf(const Description& description) {
  Fingerprint out;
  for (const Tunable& tunable : description.tunables) {
    out.Add(tunable.name);
    out.Add(tunable.set);
    out.Add(tunable.values);
    out.Add(tunable.per_netns);
  }
  return out.value();
}

}  // namespace bpftune
