// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The words for a decision. Pure: from a request, its description and what became of it to lines.
// The first two lines of a change are worded as administrators have them in their scripts.

#include <string>
#include <string_view>
#include <vector>

#include "bpf/common/request_abi.h"
#include "controller/decision.h"
#include "controller/description.h"
#include "controller/values.h"

namespace bpftune {

// A decision and everything a text about it may mention.
struct Decision {
  const Tunable* tunable = nullptr;
  const Scenario* scenario = nullptr;
  const request* record = nullptr;
  std::string netns;  // "global ns", "netns 'blue' (id 4711)"
  Values old_values;
  Values new_values;
  bool is_proposal = false;  // nothing was written: "would change"
};

// Fills the slots of a text: {tunable} {old} {new} {netns} {peer} {comm} {arg0} .. {arg3}.
std::string Expand(std::string_view text, const Decision& decision);

// "Scenario 'x' occurred for tunable 'y' in z. W"
std::string OccurredLine(const Decision& decision);
// "Due to x change y(min default max) from (..) -> (..)"
std::string ChangeLine(const Decision& decision);
// Occurred, change and evidence.
std::vector<std::string> ExplainChange(const Decision& decision);
// Occurred and evidence, of something BPF has done by itself.
std::vector<std::string> ExplainNote(const Decision& decision);

// The same, with all that is known of it, for a log that has fields. Its time is now.
DecisionRecord RecordOf(const Description& tuner, const Decision& decision, Outcome outcome);

// What a process calls itself, up to the zero byte: any bytes.
std::string CommOf(const request& record);

// The clauses whose counters are not zero, "; " between them; empty: there is none. {ratio} is
// counter (0 / 1) over (2 / 3), "3.1".
std::string ReportOf(const Description& description, const std::vector<uint64_t>& counts);

// "192.0.2.1", "2001:db8::1"; "a peer" where the request names none.
std::string PeerText(const request& record);

}  // namespace bpftune
