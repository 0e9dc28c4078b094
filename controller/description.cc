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
Result<std::string> Text(const char (&text)[N], const std::string& what) {
  const char* end = std::find(text, text + N, '\0');
  if (end == text + N) return Error(what + ": text without an end");
  if (end == text) return Error(what + ": no text");
  for (const char* c = text; c != end; ++c) {
    if (*c < ' ' || *c > '~') return Error(what + ": text with a character that is not ASCII");
  }
  return std::string(text, end);
}

// The texts of one record; status() says what is wrong with the first that is not right.
class Texts {
 public:
  template <size_t N>
  Texts(const char* record, const char (&name)[N]) : what_(record), name_(Take(Text(name, what_))) {
    what_ += " '" + name_ + "'";
  }

  template <size_t N>
  std::string Read(const char (&text)[N], const char* field) {
    return Take(Text(text, what_ + ", " + field));
  }

  const std::string& what() const { return what_; }  // "tunable 'net.ipv4.tcp_rmem'"
  const std::string& name() const { return name_; }
  const Status& status() const { return status_; }

 private:
  std::string Take(const Result<std::string>& text) {
    if (text) return *text;
    if (status_) status_ = text.error();
    return "";
  }

  Status status_ = Ok();
  std::string what_;
  std::string name_;
};

// Letters a to z, digits, and those of `more`.
bool HasOnly(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || more.find(static_cast<char>(c)) != more.npos;
  });
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
  Texts texts("tunable", row.name);
  Tunable out{.name = texts.name(),
              .labels = texts.Read(row.labels, "labels"),
              .set = texts.Read(row.set, "set"),
              .values = row.values,
              .per_netns = (row.flags & TUNABLE_PER_NETNS) != 0,
              .on_sockets = (row.flags & TUNABLE_ON_SOCKETS) != 0,
              .min = row.min,
              .max = row.max};
  const std::string& what = texts.what();
  if (!texts.status()) return texts.status().error();
  if (row.flags & ~uint32_t{TUNABLE_PER_NETNS | TUNABLE_ON_SOCKETS}) {
    return Error(what + ": unknown flags");
  }
  if (out.on_sockets && (row.values != 0 || row.min != 0 || row.max != 0)) {
    return Error(what + ": set on sockets, so it can have no values and no bounds");
  }
  if (!out.on_sockets && !IsNetSysctl(out.name)) return Error(what + ": not a sysctl below net.");
  if (!out.on_sockets && (row.values < 1 || row.values > TUNER_MAX_VALUES)) {
    return Error(what + ": " + std::to_string(row.values) + " values; 1 to 3 are possible");
  }
  if (row.min < 0 || row.min > row.max) return Error(what + ": bounds that contradict each other");
  return out;
}

Result<Scenario> CheckScenario(const tuner_scenario& row) {
  Texts texts("scenario", row.id);
  Scenario out{.id = texts.name(),
               .name = texts.Read(row.name, "name"),
               .description = texts.Read(row.description, "description"),
               .reason = texts.Read(row.reason, "reason"),
               .evidence = texts.Read(row.evidence, "evidence")};
  if (!texts.status()) return texts.status().error();
  if (auto slots = CheckSlots(out.evidence, texts.what()); !slots) return slots.error();
  return out;
}

Result<Sample> CheckSample(const tuner_sample& row) {
  Texts texts("sample", row.source);
  Sample out{
      .source = texts.name(), .field = texts.Read(row.field, "field"), .every_ms = row.every_ms};
  const std::string& what = texts.what();
  if (!texts.status()) return texts.status().error();
  const bool known = row.kind >= SAMPLE_SYSCTL && row.kind <= SAMPLE_PAIRED;
  if (!known) return Error(what + ": unknown kind " + std::to_string(row.kind));
  out.kind = static_cast<tuner_sample_kind>(row.kind);
  if (out.kind == SAMPLE_SYSCTL ? !IsNetSysctl(out.source) : !IsSampledFile(out.source)) {
    return Error(what +
                 ": neither a sysctl below net. nor a file of /proc/net/, nor /proc/meminfo");
  }
  return out;
}

Result<Hook> CheckHook(const tuner_hook& row) {
  Texts texts("hook", row.name);
  Hook out{.name = texts.name(),
           .loss = texts.Read(row.loss, "loss"),
           .required = (row.flags & HOOK_REQUIRED) != 0,
           .at_start = (row.flags & HOOK_AT_START) != 0,
           .period_ms = row.period_ms};
  const std::string& what = texts.what();
  if (!texts.status()) return texts.status().error();
  if (row.kind < HOOK_EVENT || row.kind > HOOK_VISIT) {
    return Error(what + ": unknown kind " + std::to_string(row.kind));
  }
  out.kind = static_cast<tuner_hook_kind>(row.kind);
  if (row.flags & ~uint32_t{HOOK_REQUIRED | HOOK_AT_START}) return Error(what + ": unknown flags");
  if (out.at_start && out.kind != HOOK_VISIT) return Error(what + ": only visits run at start");
  if ((out.kind == HOOK_PERIODIC) != (row.period_ms != 0)) {
    return Error(what + ": a period is for periodic hooks, and they need one");
  }
  if (row.period_ms != 0 && row.period_ms < 1000) {
    return Error(what + ": a period under 1000 ms");
  }
  return out;
}

Result<Strategy> CheckStrategy(const tuner_strategy& row) {
  Texts texts("strategy", row.name);
  Strategy out{.name = texts.name(),
               .description = texts.Read(row.description, "description"),
               .seconds = row.seconds,
               .hooks = row.hooks};
  if (!texts.status()) return texts.status().error();
  if (row.seconds < 1 || row.seconds > kLongestTrialSeconds) {
    return Error(texts.what() + ": judged after " + std::to_string(row.seconds) + " s; 1 to " +
                 std::to_string(kLongestTrialSeconds) + " are possible");
  }
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
  for (const Strategy& strategy : all) {
    const std::string what = "strategy '" + strategy.name + "'";
    if (strategy.hooks == 0) return Error(what + ": no hook belongs to it");
    if (strategy.hooks & ~known) return Error(what + ": a hook that is not described");
    if (&*std::ranges::find(all, strategy.name, &Strategy::name) != &strategy) {
      return Error(what + " is there twice");
    }
  }
  return Ok();
}

Status LinkSets(Description* description) {
  auto& tunables = description->tunables;
  for (Tunable& tunable : tunables) {
    if (&*std::ranges::find(tunables, tunable.name, &Tunable::name) != &tunable) {
      return Error("tunable '" + tunable.name + "' is there twice");
    }
    const auto first = std::ranges::find(tunables, tunable.set, &Tunable::set);
    if (first->per_netns != tunable.per_netns) {
      return Error("set '" + first->set + "' mixes global and per-namespace tunables");
    }
    tunable.set_row = static_cast<uint16_t>(first - tunables.begin());
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

}  // namespace

bool IsKnownSlot(std::string_view slot) {
  constexpr std::array<std::string_view, 9> kSlots = {"tunable", "old",  "new",  "netns", "peer",
                                                      "arg0",    "arg1", "arg2", "arg3"};
  return std::find(kSlots.begin(), kSlots.end(), slot) != kSlots.end();
}

bool IsNetSysctl(std::string_view name) {
  return name.starts_with("net.") && name.find("..") == name.npos && name.back() != '.' &&
         HasOnly(name, "._-");
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
  if (!HasOnly(*name, "_")) {
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
  for (const Status& step : {CheckLayout(types), FindPrograms(object, &*out)}) {
    if (!step) return step.error().Within("'" + out->name + "'");
  }
  return out;
}

}  // namespace bpftune
