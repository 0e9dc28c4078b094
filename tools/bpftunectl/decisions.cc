// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/decisions.h"

#include <algorithm>

#include "controller/history.h"
#include "controller/sysctl_name.h"
#include "tools/bpftunectl/process.h"
#include "tools/bpftunectl/table.h"

namespace bpftune::ctl {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

// It has all that the daemon writes, as that is written; so whatever reads it need not ask.
bool IsDecision(const Json& line) {
  const auto is = [&](const char* member, auto check) {
    const auto found = line.find(member);
    return found != line.end() && check(*found);
  };
  const auto number = [](const Json& value) { return value.is_number_integer(); };
  const auto text = [](const Json& value) { return value.is_string(); };
  const auto numbers = [&](const Json& value) {
    return value.is_array() && std::ranges::all_of(value, [](const Json& one) {
             return one.is_number_integer() || one.is_null();
           });
  };
  const auto texts = [&](const Json& value) {
    return value.is_array() && std::ranges::all_of(value, text);
  };
  const auto netns = [&](const Json& value) {
    return value.is_object() && value.contains("id") && number(value["id"]) &&
           value.contains("name") && text(value["name"]);
  };
  return line.is_object() && is("id", number) && is("time_ns", number) && is("outcome", text) &&
         is("tuner", text) && is("tunable", text) && is("scenario", text) && is("netns", netns) &&
         is("old", numbers) && is("new", numbers) && is("evidence", numbers) && is("peer", text) &&
         is("pid", number) && is("comm", text) && is("reason", text) && is("lines", texts);
}

// What somebody asks for: the tunable, or the pattern that it belongs to.
bool IsAbout(const Json& decision, const std::string& tunable) {
  if (tunable.empty()) return true;
  const auto name = decision["tunable"].get<std::string>();
  return name == tunable || (IsOfEachDevice(tunable) && PatternOf(name) == tunable);
}

}  // namespace

std::vector<Json> ParseDecisions(std::string_view lines) {
  std::vector<Json> out;
  for (size_t at = 0; at < lines.size();) {
    const size_t end = std::min(lines.find('\n', at), lines.size());
    Json line = Json::parse(lines.substr(at, end - at), nullptr, /*allow_exceptions=*/false);
    at = end + 1;
    if (!IsDecision(line)) continue;
    Json decision = {{"time", TimeText(line["time_ns"].get<int64_t>() / kNsPerSecond)}};
    decision.update(line);
    out.push_back(std::move(decision));
  }
  return out;
}

std::vector<Json> ReadDecisions(const std::string& folder, const std::string& tunable,
                                size_t last) {
  std::vector<Json> out;
  for (const char* file : {bpftune::History::kOldName, bpftune::History::kFileName}) {
    for (Json& decision : ParseDecisions(ReadText(folder + "/" + file))) {
      if (IsAbout(decision, tunable)) out.push_back(std::move(decision));
    }
  }
  if (out.size() > last) out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(last));
  return out;
}

}  // namespace bpftune::ctl
