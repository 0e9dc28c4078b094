// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// What only the object itself can tell of its description: where it is, whether its records are
// ours, and which programs there are (description.h).

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>

#include "controller/description.h"
#include "controller/sample_table.h"

namespace bpftune {
namespace {

struct KnownField {
  const char* record;
  const char* field;
  size_t offset;
};

#define KNOWN(record, field) \
  KnownField { #record, #field, offsetof(record, field) }

// Fields whose move would make the tables mean something else.
constexpr std::array kKnownFields = {
    KNOWN(tuner_header, magic),     KNOWN(tuner_header, tunables),
    KNOWN(tuner_header, hooks),     KNOWN(tuner_tunable, labels),
    KNOWN(tuner_tunable, set),      KNOWN(tuner_tunable, values),
    KNOWN(tuner_tunable, min),      KNOWN(tuner_tunable, max),
    KNOWN(tuner_scenario, name),    KNOWN(tuner_scenario, description),
    KNOWN(tuner_scenario, reason),  KNOWN(tuner_scenario, evidence),
    KNOWN(tuner_sample, field),     KNOWN(tuner_sample, kind),
    KNOWN(tuner_sample, every_ms),  KNOWN(tuner_hook, loss),
    KNOWN(tuner_hook, kind),        KNOWN(tuner_hook, flags),
    KNOWN(tuner_hook, period_ms),   KNOWN(tuner_strategy, description),
    KNOWN(tuner_strategy, seconds), KNOWN(tuner_strategy, hooks),
    KNOWN(tuner_module, loss),      KNOWN(tuner_report, counters),
};

#undef KNOWN

// A header edited without a new version number: caught by name.
Status CheckLayout(const btf* types) {
  for (const KnownField& known : kKnownFields) {
    const int id = btf__find_by_name_kind(types, known.record, BTF_KIND_STRUCT);
    if (id < 0) continue;  // a tuner without such records
    const btf_type* type = btf__type_by_id(types, static_cast<uint32_t>(id));
    const btf_member* members = btf_members(type);
    const bool same = std::any_of(members, members + btf_vlen(type), [&](const btf_member& m) {
      return std::strcmp(btf__name_by_offset(types, m.name_off), known.field) == 0 &&
             m.offset == known.offset * 8;
    });
    if (!same) {
      return Error(std::string("the object was built with another layout of ") + known.record +
                   "." + known.field + "; build it against this bpftune's headers");
    }
  }
  return Ok();
}

// In the order of their source, which is the one of preference.
Status FindPrograms(const bpf_object* object, Description* description) {
  for (Hook& hook : description->hooks) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object) {
      const std::string name = bpf_program__name(program);
      if (name.starts_with(hook.name + "__")) hook.programs.push_back(name);
    }
    if (hook.programs.empty()) {
      return Error("hook '" + hook.name + "' has no program '" + hook.name + "__...'");
    }
  }
  return Ok();
}

// Each table has its map, of the kind that takes one.
Status CheckTables(const bpf_object* object, const Description& description) {
  for (const Sample& sample : description.samples) {
    const auto form = TableForm::Parse(sample.field);
    if (sample.kind != SAMPLE_TABLE || !form) continue;
    const bpf_map* map = bpf_object__find_map_by_name(object, form->map.c_str());
    if (!map || bpf_map__type(map) != BPF_MAP_TYPE_ARRAY || bpf_map__value_size(map) == 0 ||
        bpf_map__value_size(map) % sizeof(uint64_t) != 0) {
      return Error("sample '" + sample.source + "': the object has no map '" + form->map +
                   "' that is an array of 64-bit numbers");
    }
  }
  return Ok();
}

}  // namespace

Result<Description> ReadDescription(const bpf_object* object) {
  const bpf_map* map = bpf_object__find_map_by_name(object, TUNER_SECTION);
  size_t size = 0;
  const void* data = map ? bpf_map__initial_value(const_cast<bpf_map*>(map), &size) : nullptr;
  if (!data) return Error("no description: the object has no section " TUNER_SECTION);
  auto out = ParseDescription({static_cast<const std::byte*>(data), size});
  if (!out) return out.error();
  const btf* types = bpf_object__btf(object);
  if (!types) return Error("the object has no BTF; build it with clang -g");
  for (const Status& step :
       {CheckLayout(types), FindPrograms(object, &*out), CheckTables(object, *out)}) {
    if (!step) return step.error().Within("'" + out->name + "'");
  }
  return out;
}

}  // namespace bpftune
