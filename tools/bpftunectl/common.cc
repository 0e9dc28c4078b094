// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// What several commands have in their documents.

#include <cerrno>

#include "tools/bpftunectl/commands.h"

namespace bpftune::ctl {

Answer Failure(const Error& error) {
  const bool denied = error.code() == EPERM || error.code() == EACCES;
  return Failure(denied ? kNotAllowed : kProblem,
                 error.message() + (denied ? "; try it as root" : ""));
}

Json JsonOf(const std::optional<Values>& values) {
  if (!values) return nullptr;
  Json out = Json::array();
  for (uint32_t i = 0; i < values->count; ++i) {
    out.push_back(values->is_said(i) ? Json(values->number[i]) : Json(nullptr));
  }
  return out;
}

Json JsonOfTime(int64_t when_s) { return when_s > 0 ? Json(TimeText(when_s)) : Json(nullptr); }

Json JsonOf(const TunableRow& row) {
  Json out = {{"tunable", row.name},
              {"tuner", row.tuner->name},
              {"netns", {{"id", row.key.netns}, {"name", row.netns}}},
              {"labels", row.tunable->labels},
              {"now", JsonOf(row.now)},
              {"first", JsonOf(row.first)},
              {"written", JsonOf(row.written)},
              {"owner", NameOf(row.owner)},
              {"writes", row.writes},
              {"written_at", JsonOfTime(row.written_s)},
              {"refused", row.refused},
              {"on_sockets", row.tunable->on_sockets}};
  if (row.owner == Owner::kAdministrator) {
    out["administrator"] = {{"tunable", row.theirs_name},
                            {"value", JsonOf(row.theirs)},
                            {"pid", row.pid},
                            {"at", JsonOfTime(row.theirs_s)}};
  } else {
    out["administrator"] = nullptr;
  }
  return out;
}

int64_t TimeIn(const Json& object, const char* member) {
  const Json& time = object.at(member);
  return time.is_string() ? ParseTime(time.get<std::string>()) : 0;
}

std::string ValuesIn(const Json& object, const char* member) {
  const Json& values = object.at(member);
  if (!values.is_array() || values.empty()) return "-";
  std::string out;
  for (const Json& value : values) {
    out += (out.empty() ? "" : " ") +
           (value.is_number() ? std::to_string(value.get<int64_t>()) : std::string("*"));
  }
  return out;
}

const char* ModeOf(const State& state, const TunerView& tuner) {
  if (!tuner.number || !state.daemon.exists()) return "not loaded";
  if (state.frozen || tuner.control.paused != 0 || state.all.paused != 0) return "paused";
  return tuner.control.observe != 0 || state.all.observe != 0 ? "observes" : "acts";
}

}  // namespace bpftune::ctl
