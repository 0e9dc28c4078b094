// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/btf_values.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "controller/kept/map_form.h"
#include "tools/bpftunectl/pinned.h"

namespace bpftune::ctl {
namespace {

constexpr int kDeepest = 16;

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};
using BtfPtr = std::unique_ptr<btf, FreeBtf>;

const btf_type* Resolved(const btf* types, uint32_t* id) {
  const btf_type* type = btf__type_by_id(types, *id);
  for (int depth = 0; type && (btf_is_mod(type) || btf_is_typedef(type)); ++depth) {
    if (depth == kDeepest) return nullptr;
    *id = type->type;
    type = btf__type_by_id(types, *id);
  }
  return type;
}

Json Number(bool is_signed, std::span<const std::byte> bytes) {
  uint64_t number = 0;
  if (bytes.size() > sizeof(number)) return nullptr;
  std::memcpy(&number, bytes.data(), bytes.size());
  const auto unused = static_cast<unsigned>(64 - 8 * bytes.size());
  if (is_signed && unused < 64) return static_cast<int64_t>(number << unused) >> unused;
  return number;
}

Json Value(const btf* types, uint32_t id, std::span<const std::byte> bytes, int depth);

Json Members(const btf* types, const btf_type* type, std::span<const std::byte> bytes, int depth) {
  Json out = Json::object();
  for (uint16_t i = 0; i < btf_vlen(type); ++i) {
    const btf_member& member = btf_members(type)[i];
    const char* name = btf__name_by_offset(types, member.name_off);
    const uint32_t at = btf_member_bit_offset(type, i) / 8;
    if (btf_member_bitfield_size(type, i) != 0 || !name || at > bytes.size()) continue;
    out[name] = Value(types, member.type, bytes.subspan(at), depth + 1);
  }
  return out;
}

Json Value(const btf* types, uint32_t id, std::span<const std::byte> bytes, int depth) {
  const btf_type* type = depth > kDeepest ? nullptr : Resolved(types, &id);
  const int64_t size = type ? btf__resolve_size(types, id) : -1;
  if (size < 0 || static_cast<size_t>(size) > bytes.size()) return nullptr;
  bytes = bytes.first(static_cast<size_t>(size));
  if (btf_is_composite(type)) return Members(types, type, bytes, depth);
  if (btf_is_int(type)) return Number((btf_int_encoding(type) & BTF_INT_SIGNED) != 0, bytes);
  if (btf_is_any_enum(type)) return Number(false, bytes);
  if (!btf_is_array(type)) return nullptr;
  Json out = Json::array();
  const uint32_t count = btf_array(type)->nelems;
  for (uint32_t i = 0; i < count; ++i) {
    const size_t each = bytes.size() / count;
    out.push_back(Value(types, btf_array(type)->type, bytes.subspan(i * each), depth + 1));
  }
  return out;
}

bool Has(const std::vector<std::string>& members, const std::vector<std::string>& wanted) {
  return std::ranges::all_of(wanted, [&](const std::string& name) {
    return std::ranges::find(members, name) != members.end();
  });
}

}  // namespace

Json ValueOf(const btf* types, uint32_t type, std::span<const std::byte> bytes) {
  return Value(types, type, bytes, 0);
}

std::vector<std::string> MembersOf(const btf* types, uint32_t type) {
  std::vector<std::string> out;
  const btf_type* found = Resolved(types, &type);
  if (!found || !btf_is_composite(found)) return out;
  for (uint16_t i = 0; i < btf_vlen(found); ++i) {
    const char* name = btf__name_by_offset(types, btf_members(found)[i].name_off);
    out.emplace_back(name ? name : "");
  }
  return out;
}

Result<std::vector<Json>> EntriesWith(const std::string& pin, const std::vector<std::string>& key,
                                      const std::vector<std::string>& value) {
  auto map = OpenPinned(pin);
  if (!map) return map.error();
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(map->get(), &info, &length) != 0) {
    return Error::FromErrno("looking at '" + pin + "'");
  }
  std::vector<Json> out;
  const bool is_hash = info.type == BPF_MAP_TYPE_HASH || info.type == BPF_MAP_TYPE_LRU_HASH;
  if (!is_hash || info.btf_id == 0) return out;
  const BtfPtr types(btf__load_from_kernel_by_id(info.btf_id));
  if (!types) return Error::FromErrno("reading the types of '" + pin + "'");
  if (!Has(MembersOf(types.get(), info.btf_key_type_id), key) ||
      !Has(MembersOf(types.get(), info.btf_value_type_id), value)) {
    return out;
  }
  std::vector<std::byte> keys[2] = {std::vector<std::byte>(info.key_size),
                                    std::vector<std::byte>(info.key_size)};
  std::vector<std::byte> bytes(info.value_size);
  // One that goes meanwhile makes the kernel begin again.
  for (size_t n = 0; n < size_t{2} * info.max_entries; ++n) {
    std::vector<std::byte>& next = keys[n % 2];
    const void* last = n == 0 ? nullptr : keys[(n + 1) % 2].data();
    if (bpf_map_get_next_key(map->get(), last, next.data()) != 0) break;
    if (bpf_map_lookup_elem(map->get(), next.data(), bytes.data()) != 0) continue;
    out.push_back({{"key", ValueOf(types.get(), info.btf_key_type_id, next)},
                   {"value", ValueOf(types.get(), info.btf_value_type_id, bytes)}});
  }
  return out;
}

}  // namespace bpftune::ctl
