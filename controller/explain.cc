// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/explain.h"

#include <arpa/inet.h>

namespace bpftune {
namespace {

std::string Slot(std::string_view slot, const Decision& decision) {
  if (slot == "tunable") return decision.tunable->name;
  if (slot == "old") return decision.old_values.Text();
  if (slot == "new") return decision.new_values.Text();
  if (slot == "netns") return decision.netns;
  if (slot == "peer") return PeerText(*decision.record);
  if (slot.size() == 4 && slot.starts_with("arg") && slot[3] >= '0' && slot[3] <= '3') {
    return std::to_string(decision.record->evidence[slot[3] - '0']);
  }
  return "{" + std::string(slot) + "}";
}

}  // namespace

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
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t open = text.find('{', at);
    const size_t close = open == text.npos ? text.npos : text.find('}', open);
    if (close == text.npos) return out.append(text.substr(at));
    out.append(text.substr(at, open - at));
    out += Slot(text.substr(open + 1, close - open - 1), decision);
    at = close + 1;
  }
  return out;
}

std::string OccurredLine(const Decision& decision) {
  return "Scenario '" + decision.scenario->name + "' occurred for tunable '" +
         decision.tunable->name + "' in " + decision.netns + ". " + decision.scenario->description;
}

std::string ChangeLine(const Decision& decision) {
  return "Due to " + decision.scenario->reason +
         (decision.is_proposal ? " would change " : " change ") + decision.tunable->name + "(" +
         decision.tunable->labels + ") from (" + decision.old_values.Text() + ") -> (" +
         decision.new_values.Text() + ")";
}

std::vector<std::string> ExplainChange(const Decision& decision) {
  return {OccurredLine(decision), ChangeLine(decision),
          Expand(decision.scenario->evidence, decision)};
}

std::vector<std::string> ExplainNote(const Decision& decision) {
  return {OccurredLine(decision), Expand(decision.scenario->evidence, decision)};
}

}  // namespace bpftune
