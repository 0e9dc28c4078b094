// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kernel_targets.h"

#include <bpf/btf.h>

#include <fstream>

namespace bpftune {
namespace {

// How the type is called that programs of a section attach to.
struct Kind {
  std::string_view section;
  const char* prefix;
  uint32_t kind;
};
constexpr Kind kKinds[] = {
    {"iter/", "bpf_iter_", BTF_KIND_FUNC},
    {"tp_btf/", "btf_trace_", BTF_KIND_TYPEDEF},
    {"fentry/", "", BTF_KIND_FUNC},
    {"fexit/", "", BTF_KIND_FUNC},
};

}  // namespace

Result<std::string> RunningBanner() {
  std::string line;
  if (!std::getline(std::ifstream("/proc/version"), line)) {
    return Error::FromErrno("reading '/proc/version'");
  }
  return line;
}

std::optional<uint32_t> FindTarget(const btf* all_types, const std::string& section) {
  for (const Kind& kind : kKinds) {
    if (!section.starts_with(kind.section)) continue;
    const std::string name = kind.prefix + section.substr(kind.section.size());
    const int id = btf__find_by_name_kind(all_types, name.c_str(), kind.kind);
    if (id > 0) return static_cast<uint32_t>(id);
  }
  return std::nullopt;
}

const btf_type* KeptTargets(const btf* few_types) {
  for (uint32_t id = btf__type_cnt(few_types); id-- > 1;) {
    const btf_type* type = btf__type_by_id(few_types, id);
    if (!btf_is_enum(type)) continue;
    const std::string_view name = btf__name_by_offset(few_types, type->name_off);
    if (name.starts_with(kBannerStart)) return type;
  }
  return nullptr;
}

std::optional<uint32_t> FindKeptTarget(const btf* few_types, const std::string& section) {
  const btf_type* targets = KeptTargets(few_types);
  for (int i = 0; targets && i < btf_vlen(targets); ++i) {
    const auto& row = btf_enum(targets)[i];
    if (section == btf__name_by_offset(few_types, row.name_off)) {
      return static_cast<uint32_t>(row.val);
    }
  }
  return std::nullopt;
}

}  // namespace bpftune
