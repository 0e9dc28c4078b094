// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/description.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "bpf/common/state_abi.h"
#include "controller/sample_table.h"

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

bool IsReportSlot(std::string_view slot) {
  constexpr std::array<std::string_view, 5> kSlots = {"0", "1", "2", "3", "ratio"};
  return std::ranges::find(kSlots, slot) != kSlots.end();
}

Status CheckSlots(const std::string& text, const std::string& what,
                  bool (*is_known)(std::string_view)) {
  for (size_t at = 0; (at = text.find_first_of("{}", at)) != std::string::npos;) {
    const size_t end = text.find('}', at);
    if (text[at] == '}' || end == std::string::npos) return Error(what + ": a stray brace");
    const std::string slot = text.substr(at + 1, end - at - 1);
    if (!is_known(slot)) {
      return Error(std::string(what).append(": unknown slot '{").append(slot).append("}'"));
    }
    at = end + 1;
  }
  return Ok();
}

bool IsSampledFile(std::string_view path) {
  return path == "/proc/meminfo" || path == "/proc/stat" || path == "/proc/schedstat" ||
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
  const bool each_device = IsOfEachDevice(out.name);
  if (!out.on_sockets && !each_device &&
      (!IsNetSysctl(out.name) || out.name.find('/') != out.name.npos)) {
    return Error(what + ": not a sysctl below net.");
  }
  if (each_device && (row.values != 1 || !out.per_netns)) {
    return Error(what + ": devices are in namespaces, and one value of each is possible");
  }
  if (!out.on_sockets && (row.values < 1 || row.values > TUNER_MAX_VALUES)) {
    return Error(what + ": " + std::to_string(row.values) + " values; 1 to 3 are possible");
  }
  if (IsInSeveralFiles(out.name) && FilesOf(out.name).size() != row.values) {
    return Error(what + ": as many files as values, with one number each, are possible");
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
  if (auto slots = CheckSlots(out.evidence, texts.what(), IsKnownSlot); !slots)
    return slots.error();
  return out;
}

Result<Sample> CheckSample(const tuner_sample& row) {
  Texts texts("sample", row.source);
  Sample out{
      .source = texts.name(), .field = texts.Read(row.field, "field"), .every_ms = row.every_ms};
  const std::string& what = texts.what();
  if (!texts.status()) return texts.status().error();
  const bool known = row.kind >= SAMPLE_SYSCTL && row.kind <= SAMPLE_TABLE;
  if (!known) return Error(what + ": unknown kind " + std::to_string(row.kind));
  out.kind = static_cast<tuner_sample_kind>(row.kind);
  if (out.kind == SAMPLE_SYSCTL ? !IsNetSysctl(out.source) : !IsSampledFile(out.source)) {
    return Error(what +
                 ": neither a sysctl below net. nor a file of /proc/net/, nor /proc/meminfo, "
                 "/proc/stat or /proc/schedstat");
  }
  if (out.kind == SAMPLE_TABLE && !TableForm::Parse(out.field)) {
    return Error(what + ": '" + out.field + "' is not \"MAP BASE [PREFIX]\" with base 10 or 16");
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
  if (row.kind < HOOK_EVENT || row.kind > HOOK_CHECK) {
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

// The kernel modules that may be loaded: congestion control, each of which the kernel would load
// itself for an administrator who names it.
Result<Module> CheckModule(const tuner_module& row) {
  constexpr std::array<std::string_view, 4> kMayBeLoaded = {"tcp_bbr", "tcp_cubic", "tcp_dctcp",
                                                            "tcp_htcp"};
  Texts texts("module", row.name);
  Module out{.name = texts.name(), .loss = texts.Read(row.loss, "loss")};
  if (!texts.status()) return texts.status().error();
  if (std::ranges::find(kMayBeLoaded, out.name) == kMayBeLoaded.end()) {
    return Error(texts.what() + ": not one of those that bpftune may load");
  }
  return out;
}

Result<Report> CheckReport(const tuner_report& row) {
  Texts texts("report", row.text);
  Report out{.text = texts.name(), .counters = std::to_array(row.counters)};
  if (!texts.status()) return texts.status().error();
  if (auto slots = CheckSlots(out.text, texts.what(), IsReportSlot); !slots) return slots.error();
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

Status CheckReportCounters(const Description& description) {
  for (const Report& report : description.reports) {
    for (const uint8_t row : report.counters) {
      if (row >= description.counters.size()) {
        return Error("report '" + report.text + "': a counter that is not described");
      }
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
    if (IsOfEachDevice(first->name) != IsOfEachDevice(tunable.name)) {
      return Error("set '" + first->set + "' mixes tunables of devices with others");
    }
    tunable.set_row = static_cast<uint16_t>(first - tunables.begin());
  }
  return Ok();
}

}  // namespace

bool IsKnownSlot(std::string_view slot) {
  constexpr std::array<std::string_view, 10> kSlots = {"tunable", "old",  "new",  "netns", "peer",
                                                       "comm",    "arg0", "arg1", "arg2",  "arg3"};
  return std::find(kSlots.begin(), kSlots.end(), slot) != kSlots.end();
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
      CheckTable(bytes, header->modules, "modules", TUNER_MAX_MODULES, CheckModule, &out.modules),
      CheckTable(bytes, header->reports, "reports", TUNER_MAX_REPORTS, CheckReport, &out.reports),
      LinkSets(&out),
      CheckStrategyHooks(out),
      CheckReportCounters(out),
  };
  for (const Status& step : steps) {
    if (!step) return step.error().Within("'" + out.name + "'");
  }
  return out;
}

}  // namespace bpftune
