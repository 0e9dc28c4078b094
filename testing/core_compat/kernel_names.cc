// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/core_compat/kernel_names.h"

#include <bpf/btf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

// libbpf exports this; headers before 1.5 declare it under a name that is not in the library.
// NOLINTNEXTLINE(bugprone-reserved-identifier): libbpf's way of naming
extern "C" const void* btf_ext__get_raw_data(const btf_ext* records, __u32* size);

namespace bpftune::testing {
namespace {

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
  void operator()(btf_ext* records) const { btf_ext__free(records); }
};
using BtfPtr = std::unique_ptr<btf, FreeBtf>;
using BtfExtPtr = std::unique_ptr<btf_ext, FreeBtf>;

// The start of .BTF.ext, which libbpf keeps to itself (Documentation/bpf/btf.rst).
struct BtfExtHeader {
  __u16 magic;
  __u8 version, flags;
  __u32 header_size;
  __u32 functions_offset, functions_size;
  __u32 lines_offset, lines_size;
  __u32 relocations_offset, relocations_size;
};

struct SectionHeader {
  __u32 name_offset, count;
};

std::vector<bpf_core_relo> Relocations(const btf_ext* records) {
  __u32 size = 0;
  const char* raw = static_cast<const char*>(btf_ext__get_raw_data(records, &size));
  BtfExtHeader header = {};
  std::memcpy(&header, raw, std::min<size_t>(size, sizeof(header)));
  if (header.header_size < sizeof(header) || header.relocations_size < sizeof(__u32)) return {};

  const char* at = raw + header.header_size + header.relocations_offset;
  const char* end = at + header.relocations_size;
  __u32 record_size = 0;
  std::memcpy(&record_size, at, sizeof(record_size));
  at += sizeof(record_size);

  std::vector<bpf_core_relo> found;
  while (at < end) {
    SectionHeader section;
    std::memcpy(&section, at, sizeof(section));
    at += sizeof(section);
    for (__u32 i = 0; i < section.count; ++i, at += record_size) {
      std::memcpy(&found.emplace_back(), at, sizeof(bpf_core_relo));
    }
  }
  return found;
}

std::string_view Name(const btf* types, __u32 offset) { return btf__name_by_offset(types, offset); }

std::string_view WithoutFlavour(std::string_view name) { return name.substr(0, name.find("___")); }

const btf_type* SkipModifiers(const btf* types, __u32 id) {
  const btf_type* type = btf__type_by_id(types, id);
  while (btf_is_mod(type) || btf_is_typedef(type)) type = btf__type_by_id(types, type->type);
  return type;
}

// The member of that name, also inside anonymous structs and unions.
const btf_member* FindMember(const btf* types, const btf_type* parent, std::string_view name) {
  const btf_member* member = btf_members(parent);
  for (int i = 0; i < btf_vlen(parent); ++i, ++member) {
    const std::string_view have = Name(types, member->name_off);
    if (have == name) return member;
    const btf_type* type = SkipModifiers(types, member->type);
    if (!have.empty() || !btf_is_composite(type)) continue;
    if (const btf_member* inner = FindMember(types, type, name)) return inner;
  }
  return nullptr;
}

bool HasEnumerator(const btf* types, const btf_type* type, std::string_view name) {
  for (int i = 0; i < btf_vlen(type); ++i) {
    const __u32 have =
        btf_is_enum64(type) ? btf_enum64(type)[i].name_off : btf_enum(type)[i].name_off;
    if (Name(types, have) == name) return true;
  }
  return false;
}

// "0:1:2", a path of member and array indices; the first is an index of the root itself.
std::vector<__u32> ParsePath(std::string_view text) {
  std::vector<__u32> path;
  for (const char *at = text.data(), *end = at + text.size(); at < end; ++at) {
    at = std::from_chars(at, end, path.emplace_back()).ptr;
  }
  return path;
}

// One name that an object uses: how it reads, and whether this kernel has it.
struct Use {
  std::string text;
  bool present = false;
};

class Comparison {
 public:
  Comparison(const btf* ours, const btf* kernel) : ours_(ours), kernel_(kernel) {}

  Use Look(const bpf_core_relo& relocation) const {
    const btf_type* root = SkipModifiers(ours_, relocation.type_id);
    const std::string_view name = WithoutFlavour(Name(ours_, root->name_off));
    const btf_type* theirs = FindType(root, name);
    Use use{std::string(name), theirs != nullptr};
    const std::vector<__u32> path = ParsePath(Name(ours_, relocation.access_str_off));
    if (relocation.kind <= BPF_CORE_FIELD_RSHIFT_U64) {
      Walk(root, theirs, path, &use);
    } else if (relocation.kind == BPF_CORE_ENUMVAL_EXISTS ||
               relocation.kind == BPF_CORE_ENUMVAL_VALUE) {
      const std::string_view value = EnumeratorName(root, path.at(0));
      use.text += "." + std::string(value);
      use.present = theirs && HasEnumerator(kernel_, theirs, WithoutFlavour(value));
    }
    return use;
  }

 private:
  const btf_type* FindType(const btf_type* like, std::string_view name) const {
    const int id = btf__find_by_name_kind(kernel_, std::string(name).c_str(), btf_kind(like));
    return id > 0 ? btf__type_by_id(kernel_, static_cast<__u32>(id)) : nullptr;
  }

  std::string_view EnumeratorName(const btf_type* type, __u32 index) const {
    return Name(ours_, btf_is_enum64(type) ? btf_enum64(type)[index].name_off
                                           : btf_enum(type)[index].name_off);
  }

  // Follows the path through our type and, by name, through the kernel's.
  void Walk(const btf_type* mine, const btf_type* theirs, const std::vector<__u32>& path,
            Use* use) const {
    for (size_t i = 1; i < path.size(); ++i) {
      if (btf_is_array(mine)) {
        use->text += "[]";
        mine = SkipModifiers(ours_, btf_array(mine)->type);
        if (theirs && btf_is_array(theirs))
          theirs = SkipModifiers(kernel_, btf_array(theirs)->type);
        continue;
      }
      const btf_member& member = btf_members(mine)[path[i]];
      mine = SkipModifiers(ours_, member.type);
      const std::string_view name = Name(ours_, member.name_off);
      if (name.empty()) continue;  // an anonymous part; FindMember looks into the kernel's
      use->text += "." + std::string(name);
      const btf_member* found =
          theirs && btf_is_composite(theirs) ? FindMember(kernel_, theirs, name) : nullptr;
      use->present = use->present && found;
      theirs = found ? SkipModifiers(kernel_, found->type) : nullptr;
    }
  }

  const btf* ours_;
  const btf* kernel_;
};

bool AsksForExistence(const bpf_core_relo& relocation) {
  return relocation.kind == BPF_CORE_FIELD_EXISTS || relocation.kind == BPF_CORE_TYPE_EXISTS ||
         relocation.kind == BPF_CORE_TYPE_MATCHES || relocation.kind == BPF_CORE_ENUMVAL_EXISTS;
}

}  // namespace

Result<std::vector<std::string>> AbsentFromKernel(const std::string& object_path,
                                                  const std::string& kernel_btf_path) {
  btf_ext* records = nullptr;
  const BtfPtr ours(btf__parse_elf(object_path.c_str(), &records));
  const BtfExtPtr owned(records);
  if (!ours || !records) return Error(errno, "reading BTF of '" + object_path + "'");
  const BtfPtr kernel(btf__parse(kernel_btf_path.c_str(), nullptr));
  if (!kernel) return Error(errno, "reading BTF of '" + kernel_btf_path + "'");

  const Comparison comparison(ours.get(), kernel.get());
  std::set<std::string> absent, asked;
  for (const bpf_core_relo& relocation : Relocations(records)) {
    if (relocation.kind == BPF_CORE_TYPE_ID_LOCAL) continue;  // a number of our own BTF
    const btf_type* root = SkipModifiers(ours.get(), relocation.type_id);
    const bool flavoured = Name(ours.get(), root->name_off).find("___") != std::string_view::npos;
    if (flavoured) continue;
    const Use use = comparison.Look(relocation);
    if (AsksForExistence(relocation)) {
      asked.insert(use.text);
    } else if (!use.present) {
      absent.insert(use.text);
    }
  }
  for (const std::string& name : asked) absent.erase(name);
  return std::vector<std::string>(absent.begin(), absent.end());
}

}  // namespace bpftune::testing
