// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/explain.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <iomanip>
#include <iterator>
#include <sstream>

#include "controller/place.h"

namespace bpftune {
namespace {

// As the process calls itself, which may be anything: what could break a line out of the log is not
// shown.
std::string CommText(const request& record) {
  std::string out = CommOf(record);
  std::ranges::replace_if(
      out, [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
  return out.empty() ? "a process" : out;
}

std::string DecisionSlot(std::string_view slot, const Decision& decision) {
  if (slot == "tunable") return NameOf(*decision.tunable, *decision.record);
  if (slot == "old") return decision.old_values.Text();
  if (slot == "new") return decision.new_values.Text();
  if (slot == "netns") return decision.netns;
  if (slot == "peer") return PeerText(*decision.record);
  if (slot == "comm") return CommText(*decision.record);
  if (slot.size() == 4 && slot.starts_with("arg") && slot[3] >= '0' && slot[3] <= '3') {
    return std::to_string(decision.record->evidence[slot[3] - '0']);
  }
  return "{" + std::string(slot) + "}";
}

// Text with each slot replaced by what `slot` makes of its name.
template <typename Slot>
std::string Fill(std::string_view text, Slot slot) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t open = text.find('{', at);
    const size_t close = open == text.npos ? text.npos : text.find('}', open);
    if (close == text.npos) return out.append(text.substr(at));
    out.append(text.substr(at, open - at));
    out += slot(text.substr(open + 1, close - open - 1));
    at = close + 1;
  }
  return out;
}

using Numbers = std::array<uint64_t, TUNER_REPORT_COUNTERS>;

// (0 / 1) over (2 / 3), none of them zero.
std::string Ratio(const Numbers& numbers) {
  const auto share = [&](size_t i) {
    return static_cast<double>(numbers[i]) / static_cast<double>(numbers[i + 1]);
  };
  std::ostringstream out;
  out << std::fixed << std::setprecision(1) << share(0) / share(2);
  return out.str();
}

// Empty while one of its numbers is zero.
std::string Clause(const Report& report, const std::vector<uint64_t>& counts) {
  Numbers numbers = {};
  std::ranges::transform(report.counters, numbers.begin(),
                         [&](uint8_t row) { return counts[row]; });
  bool is_known = true;
  std::string text = Fill(report.text, [&](std::string_view slot) -> std::string {
    if (slot != "ratio") {
      const uint64_t number = numbers[static_cast<size_t>(slot[0] - '0')];
      is_known &= number != 0;
      return std::to_string(number);
    }
    is_known &= std::ranges::find(numbers, 0U) == numbers.end();
    return is_known ? Ratio(numbers) : "";
  });
  return is_known ? text : "";
}

}  // namespace

std::string CommOf(const request& record) {
  return {record.comm, std::find(record.comm, std::end(record.comm), '\0')};
}

std::string PeerText(const request& record) {
  char text[INET6_ADDRSTRLEN] = "";
  const int family = static_cast<int>(record.peer_family);
  if ((family != AF_INET && family != AF_INET6) ||
      !inet_ntop(family, record.peer, text, sizeof(text))) {
    return "a peer";
  }
  const std::string out = text;
  // IPv4 over an IPv6 socket is shown as the IPv4 it is.
  constexpr std::string_view kMapped = "::ffff:";
  return out.starts_with(kMapped) && out.find('.') != out.npos ? out.substr(kMapped.size()) : out;
}

std::string Expand(std::string_view text, const Decision& decision) {
  return Fill(text, [&](std::string_view slot) { return DecisionSlot(slot, decision); });
}

std::string ReportOf(const Description& description, const std::vector<uint64_t>& counts) {
  std::string out;
  for (const Report& report : description.reports) {
    const std::string clause = Clause(report, counts);
    if (!clause.empty()) out.append(out.empty() ? "" : "; ").append(clause);
  }
  return out;
}

std::string OccurredLine(const Decision& decision) {
  return "Scenario '" + decision.scenario->name + "' occurred for tunable '" +
         NameOf(*decision.tunable, *decision.record) + "' in " + decision.netns + ". " +
         decision.scenario->description;
}

std::string ChangeLine(const Decision& decision) {
  return "Due to " + decision.scenario->reason +
         (decision.is_proposal ? " would change " : " change ") +
         NameOf(*decision.tunable, *decision.record) + "(" + decision.tunable->labels + ") from (" +
         decision.old_values.Text() + ") -> (" + decision.new_values.Text() + ")";
}

std::vector<std::string> ExplainChange(const Decision& decision) {
  return {OccurredLine(decision), ChangeLine(decision),
          Expand(decision.scenario->evidence, decision)};
}

std::vector<std::string> ExplainNote(const Decision& decision) {
  return {OccurredLine(decision), Expand(decision.scenario->evidence, decision)};
}

DecisionRecord RecordOf(const Description& tuner, const Decision& decision, Outcome outcome) {
  DecisionRecord out = NewRecord(outcome);
  out.tuner = tuner.name;
  out.tunable = NameOf(*decision.tunable, *decision.record);
  out.scenario = decision.scenario->id;
  out.netns = decision.record->netns;
  out.netns_name = decision.netns;
  out.old_values = decision.old_values;
  out.new_values = decision.new_values;
  std::ranges::copy(decision.record->evidence, out.evidence.begin());
  if (decision.record->peer_family != 0) out.peer = PeerText(*decision.record);
  out.lines = outcome == Outcome::kNoted ? ExplainNote(decision) : ExplainChange(decision);
  return out;
}

}  // namespace bpftune
