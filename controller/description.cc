// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/description.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "bpf/common/state_abi.h"

namespace bpftune {
namespace {

constexpr uint32_t kLongestTrialSeconds = 24 * 60 * 60;

// A record of the object, cut or filled up to the length we know.
template <typename T>
Result<std::vector<T>> ReadTable(std::span<const std::byte> bytes, const tuner_table& table,
                                 const char* what, size_t most) {
  if (table.count > most) {
    return Error(std::string(what) + ": " + std::to_string(table.count) + " records, at most " +
                 std::to_string(most) + " are allowed");
  }
  const size_t length = size_t{table.count} * table.record_size;
  if (table.count != 0 && (table.record_size == 0 || table.offset > bytes.size() ||
                           length > bytes.size() - table.offset)) {
    return Error(std::string(what) + ": the table lies outside the section");
  }
  std::vector<T> records(table.count);
  for (size_t i = 0; i < records.size(); ++i) {
    std::memcpy(&records[i], bytes.data() + table.offset + i * table.record_size,
                std::min<size_t>(sizeof(T), table.record_size));
  }
  return records;
}

template <size_t N>
Result<std::string> Text(const char (&text)[N], const std::string& what,
                         bool may_be_empty = false) {
  const char* end = std::find(text, text + N, '\0');
  if (end == text + N) return Error(what + ": text without an end");
  if (end == text && !may_be_empty) return Error(what + ": no text");
  for (const char* c = text; c != end; ++c) {
    if (*c < ' ' || *c > '~') return Error(what + ": text with a character that is not ASCII");
  }
  return std::string(text, end);
}

Status CheckSlots(const std::string& text, const std::string& what) {
  for (size_t at = 0; (at = text.find_first_of("{}", at)) != std::string::npos;) {
    const size_t end = text.find('}', at);
    if (text[at] == '}' || end == std::string::npos) return Error(what + ": a stray brace");
    const std::string slot = text.substr(at + 1, end - at - 1);
    if (!IsKnownSlot(slot)) {
      return Error(std::string(what).append(": unknown slot '{").append(slot).append("}'"));
    }
    at = end + 1;
  }
  return Ok();
}

bool IsSampledFile(std::string_view path) {
  return path == "/proc/meminfo" ||
         (path.starts_with("/proc/net/") && path.find("..") == path.npos);
}

Result<Tunable> CheckTunable(const tuner_tunable& row) {
  Tunable out;
  auto name = Text(row.name, "tunable");
  if (!name) return name.error();
  const std::string what = "tunable '" + *name + "'";
  auto labels = Text(row.labels, what + ", labels");
  if (!labels) return labels.error();
  auto set = Text(row.set, what + ", set");
  if (!set) return set.error();
  if (row.flags & ~uint32_t{TUNABLE_PER_NETNS | TUNABLE_ON_SOCKETS}) {
    return Error(what + ": unknown flags");
  }
  out.on_sockets = (row.flags & TUNABLE_ON_SOCKETS) != 0;
  if (out.on_sockets && (row.values != 0 || row.min != 0 || row.max != 0)) {
    return Error(what + ": set on sockets, so it can have no values and no bounds");
  }
  if (!out.on_sockets && !IsNetSysctl(*name)) return Error(what + ": not a sysctl below net.");
  if (!out.on_sockets && (row.values < 1 || row.values > TUNER_MAX_VALUES)) {
    return Error(what + ": " + std::to_string(row.values) + " values; 1 to 3 are possible");
  }
  if (row.min < 0 || row.min > row.max) return Error(what + ": bounds that contradict each other");
  out.name = *name;
  out.labels = *labels;
  out.set = *set;
  out.values = row.values;
  out.per_netns = (row.flags & TUNABLE_PER_NETNS) != 0;
  out.min = row.min;
  out.max = row.max;
  return out;
}

Result<Scenario> CheckScenario(const tuner_scenario& row) {
  Scenario out;
  auto id = Text(row.id, "scenario");
  if (!id) return id.error();
  const std::string what = "scenario '" + *id + "'";
  auto name = Text(row.name, what + ", name");
  if (!name) return name.error();
  auto description = Text(row.description, what + ", description");
  if (!description) return description.error();
  auto reason = Text(row.reason, what + ", reason");
  if (!reason) return reason.error();
  auto evidence = Text(row.evidence, what + ", evidence");
  if (!evidence) return evidence.error();
  auto slots = CheckSlots(*evidence, what);
  if (!slots) return slots.error();
  out.id = *id;
  out.name = *name;
  out.description = *description;
  out.reason = *reason;
  out.evidence = *evidence;
  return out;
}

Result<Sample> CheckSample(const tuner_sample& row) {
  Sample out;
  auto source = Text(row.source, "sample");
  if (!source) return source.error();
  const std::string what = "sample '" + *source + "'";
  auto field = Text(row.field, what + ", field");
  if (!field) return field.error();
  const bool known = row.kind >= SAMPLE_SYSCTL && row.kind <= SAMPLE_PAIRED;
  if (!known) return Error(what + ": unknown kind " + std::to_string(row.kind));
  if (row.kind == SAMPLE_SYSCTL ? !IsNetSysctl(*source) : !IsSampledFile(*source)) {
    return Error(what +
                 ": neither a sysctl below net. nor a file of /proc/net/, nor /proc/meminfo");
  }
  out.kind = static_cast<tuner_sample_kind>(row.kind);
  out.source = *source;
  out.field = *field;
  out.every_ms = row.every_ms;
  return out;
}

Result<Hook> CheckHook(const tuner_hook& row) {
  Hook out;
  auto name = Text(row.name, "hook");
  if (!name) return name.error();
  const std::string what = "hook '" + *name + "'";
  auto loss = Text(row.loss, what + ", loss");
  if (!loss) return loss.error();
  if (row.kind < HOOK_EVENT || row.kind > HOOK_VISIT) {
    return Error(what + ": unknown kind " + std::to_string(row.kind));
  }
  if (row.flags & ~uint32_t{HOOK_REQUIRED | HOOK_AT_START}) return Error(what + ": unknown flags");
  if ((row.flags & HOOK_AT_START) && row.kind != HOOK_VISIT) {
    return Error(what + ": only visits run at start");
  }
  if ((row.kind == HOOK_PERIODIC) != (row.period_ms != 0)) {
    return Error(what + ": a period is for periodic hooks, and they need one");
  }
  if (row.period_ms != 0 && row.period_ms < 1000) {
    return Error(what + ": a period under 1000 ms");
  }
  out.name = *name;
  out.loss = *loss;
  out.kind = static_cast<tuner_hook_kind>(row.kind);
  out.required = (row.flags & HOOK_REQUIRED) != 0;
  out.at_start = (row.flags & HOOK_AT_START) != 0;
  out.period_ms = row.period_ms;
  return out;
}

Result<Strategy> CheckStrategy(const tuner_strategy& row) {
  Strategy out;
  auto name = Text(row.name, "strategy");
  if (!name) return name.error();
  const std::string what = "strategy '" + *name + "'";
  auto description = Text(row.description, what + ", description");
  if (!description) return description.error();
  if (row.seconds < 1 || row.seconds > kLongestTrialSeconds) {
    return Error(what + ": judged after " + std::to_string(row.seconds) + " s; 1 to " +
                 std::to_string(kLongestTrialSeconds) + " are possible");
  }
  out.name = *name;
  out.description = *description;
  out.seconds = row.seconds;
  out.hooks = row.hooks;
  return out;
}

// Reads a table and checks each record into the form the controller uses.
template <typename Row, typename Out>
Status CheckTable(std::span<const std::byte> bytes, const tuner_table& table, const char* what,
                  size_t most, Result<Out> (*check)(const Row&), std::vector<Out>* out) {
  auto rows = ReadTable<Row>(bytes, table, what, most);
  if (!rows) return rows.error();
  for (const Row& row : *rows) {
    auto checked = check(row);
    if (!checked) return checked.error();
    out->push_back(std::move(*checked));
  }
  return Ok();
}

Result<std::string> CheckCounter(const tuner_counter& row) { return Text(row.text, "counter"); }

Result<tuner_header> CheckHeader(std::span<const std::byte> bytes) {
  // Of minor 0; what came later counts only as far as the header says that it has it.
  constexpr size_t kShortest = offsetof(tuner_header, strategies);
  tuner_header header = {};
  if (bytes.size() < kShortest) return Error("the description is shorter than its header");
  std::memcpy(&header, bytes.data(), kShortest);
  if (header.magic != TUNER_MAGIC) return Error("the description does not begin with the magic");
  if (header.major != TUNER_ABI_MAJOR) {
    return Error("the description has version " + std::to_string(header.major) +
                 ", this bpftune reads version " + std::to_string(TUNER_ABI_MAJOR));
  }
  if (header.header_size < kShortest || header.header_size > bytes.size()) {
    return Error("the description has a header of " + std::to_string(header.header_size) +
                 " bytes, which cannot be");
  }
  std::memcpy(&header, bytes.data(), std::min<size_t>(sizeof(header), header.header_size));
  return header;
}

Status CheckStrategyHooks(const Description& description) {
  const uint32_t known = (1U << description.hooks.size()) - 1;
  const auto& all = description.strategies;
  for (size_t row = 0; row < all.size(); ++row) {
    const std::string what = "strategy '" + all[row].name + "'";
    if (all[row].hooks == 0) return Error(what + ": no hook belongs to it");
    if (all[row].hooks & ~known) return Error(what + ": a hook that is not described");
    for (size_t other = 0; other < row; ++other) {
      if (all[other].name == all[row].name) return Error(what + " is there twice");
    }
  }
  return Ok();
}

Status LinkSets(Description* description) {
  auto& tunables = description->tunables;
  for (size_t row = 0; row < tunables.size(); ++row) {
    for (size_t first = 0; first <= row; ++first) {
      if (first < row && tunables[first].name == tunables[row].name) {
        return Error("tunable '" + tunables[row].name + "' is there twice");
      }
    }
    const auto first = std::find_if(tunables.begin(), tunables.end(), [&](const Tunable& other) {
      return other.set == tunables[row].set;
    });
    if (first->per_netns != tunables[row].per_netns) {
      return Error("set '" + first->set + "' mixes global and per-namespace tunables");
    }
    tunables[row].set_row = static_cast<uint16_t>(first - tunables.begin());
  }
  return Ok();
}

// ---- the object's BTF ----------------------------------------------------------------------

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

Status CheckPrograms(const bpf_object* object, const Description& description) {
  for (const Hook& hook : description.hooks) {
    bool found = false;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object) {
      found |= std::string_view(bpf_program__name(program)).starts_with(hook.name + "__");
    }
    if (!found) return Error("hook '" + hook.name + "' has no program '" + hook.name + "__...'");
  }
  return Ok();
}

}  // namespace

bool IsKnownSlot(std::string_view slot) {
  constexpr std::array<std::string_view, 9> kSlots = {"tunable", "old",  "new",  "netns", "peer",
                                                      "arg0",    "arg1", "arg2", "arg3"};
  return std::find(kSlots.begin(), kSlots.end(), slot) != kSlots.end();
}

bool IsNetSysctl(std::string_view name) {
  return name.starts_with("net.") && name.find("..") == name.npos && name.back() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::islower(c) || std::isdigit(c) || c == '.' || c == '_' || c == '-';
         });
}

std::string SysctlPath(const std::string& name) {
  std::string path = name;
  std::replace(path.begin(), path.end(), '.', '/');
  return path;
}

Result<Description> ParseDescription(std::span<const std::byte> bytes) {
  Description out;
  auto header = CheckHeader(bytes);
  if (!header) return header.error();
  auto name = Text(header->name, "name");
  if (!name) return name.error();
  if (!std::all_of(name->begin(), name->end(), [](unsigned char c) {
        return std::islower(c) || std::isdigit(c) || c == '_';
      })) {
    return Error("name '" + *name + "': only a to z, 0 to 9 and _ are allowed");
  }
  out.name = *name;
  auto summary = Text(header->summary, "summary");
  if (!summary) return summary.error();
  out.summary = *summary;

  const Status steps[] = {
      CheckTable(bytes, header->tunables, "tunables", TUNER_MAX_TUNABLES, CheckTunable,
                 &out.tunables),
      CheckTable(bytes, header->scenarios, "scenarios", TUNER_MAX_SCENARIOS, CheckScenario,
                 &out.scenarios),
      CheckTable(bytes, header->samples, "samples", TUNER_MAX_SAMPLES, CheckSample, &out.samples),
      CheckTable(bytes, header->counters, "counters", TUNER_MAX_COUNTERS, CheckCounter,
                 &out.counters),
      CheckTable(bytes, header->hooks, "hooks", TUNER_MAX_HOOKS, CheckHook, &out.hooks),
      CheckTable(bytes, header->strategies, "strategies", TUNER_MAX_STRATEGIES, CheckStrategy,
                 &out.strategies),
      LinkSets(&out),
      CheckStrategyHooks(out),
  };
  for (const Status& step : steps) {
    if (!step) return step.error().Within("'" + out.name + "'");
  }
  return out;
}

Result<Description> ReadDescription(const bpf_object* object) {
  const bpf_map* map = bpf_object__find_map_by_name(object, TUNER_SECTION);
  size_t size = 0;
  const void* data = map ? bpf_map__initial_value(const_cast<bpf_map*>(map), &size) : nullptr;
  if (!data) return Error("no description: the object has no section " TUNER_SECTION);
  auto out = ParseDescription({static_cast<const std::byte*>(data), size});
  if (!out) return out.error();
  const btf* types = bpf_object__btf(object);
  if (!types) return Error("the object has no BTF; build it with clang -g");
  for (const Status& step : {CheckLayout(types), CheckPrograms(object, *out)}) {
    if (!step) return step.error().Within("'" + out->name + "'");
  }
  return out;
}

}  // namespace bpftune
