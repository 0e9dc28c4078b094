// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl pause, resume, reclaim

#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <tuple>

#include "controller/sysctl_name.h"
#include "tools/bpftunectl/done.h"
#include "tools/bpftunectl/orders.h"
#include "tools/bpftunectl/pinned.h"

namespace bpftune::ctl {
namespace {

constexpr char kNothingLeft[] =
    "bpftune does not run, and has not since the machine was started (or keeps its files "
    "elsewhere: "
    "--run-dir, --pin-dir)";

bpftune::Status SetPaused(const State& state, uint32_t number, bool paused) {
  auto map = OpenPinned(state.pins + "/" MAP_CONTROL, 0);
  if (!map) return map.error();
  tuner_control control = {};
  if (bpf_map_lookup_elem(map->get(), &number, &control) != 0) {
    return Error::FromErrno("reading '" MAP_CONTROL "'");
  }
  control.paused = paused ? 1 : 0;
  if (bpf_map_update_elem(map->get(), &number, &control, BPF_ANY) != 0) {
    return Error::FromErrno("writing '" MAP_CONTROL "'");
  }
  return Ok();
}

bpftune::Status SetFrozen(const std::string& file, bool frozen) {
  if (!frozen) {
    if (unlink(file.c_str()) == 0 || errno == ENOENT) return Ok();
    return Error::FromErrno("removing '" + file + "'");
  }
  const UniqueFd made(open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return Error::FromErrno("making '" + file + "'");
  return Ok();
}

Answer PauseAll(const State& state, bool paused) {
  if (access(state.folder.c_str(), F_OK) != 0) return Failure(kNoDaemon, kNothingLeft);
  auto frozen = SetFrozen(state.folder + "/freeze", paused);
  if (!frozen) return Failure(frozen.error());
  // What acts on sockets by itself asks the map, which a daemon that hangs does not write.
  if (state.has_pins) {
    auto set = SetPaused(state, CONTROL_OF_ALL, paused);
    if (!set) return Failure(set.error());
  }
  Answer out;
  Done done(&out);
  done.Add(paused ? "paused" : "resumed", "", "",
           paused ? "nothing is changed until bpftunectl resume" : "bpftune may change again");
  for (const TunerView& tuner : state.tuners) {
    if (paused || tuner.control.paused == 0) continue;
    done.Add("still paused", tuner.name, "",
             "tuner '" + tuner.name + "' is still paused; bpftunectl resume " + tuner.name);
  }
  return out;
}

Answer PauseOne(const CommandLine& line, const State& state, bool paused) {
  std::vector<std::string> names;
  names.reserve(state.tuners.size());
  for (const TunerView& tuner : state.tuners) names.push_back(tuner.name);
  const auto tuner = std::ranges::find(state.tuners, line.name, &TunerView::name);
  if (tuner == state.tuners.end()) return Failure(kUsage, NoSuch("tuner", line.name, names));
  const std::optional<uint16_t> number = tuner->number;
  if (!state.has_pins || !number) {
    return Failure(kNoDaemon,
                   "tuner '" + line.name + "' was never loaded since the machine was started");
  }
  auto set = SetPaused(state, *number, paused);
  if (!set) return Failure(set.error());
  Answer out;
  Done done(&out);
  done.Add(paused ? "paused" : "resumed", line.name, "",
           "tuner '" + line.name + "' " +
               (paused ? "changes nothing until bpftunectl resume " + line.name
                       : std::string("may change again")));
  if (!paused && (state.frozen || state.all.paused != 0)) {
    done.Add("still paused", "", "", "but all is paused; bpftunectl resume ends that");
  }
  return out;
}

}  // namespace

void Done::Add(const std::string& action, const std::string& name, const std::string& netns,
               const std::string& text) {
  answer_->document["done"].push_back(
      {{"action", action}, {"name", name}, {"netns", netns}, {"text", text}});
  syslog(LOG_DAEMON | LOG_NOTICE, "%s", Harmless(text).c_str());
}

void Done::Fail(const std::string& name, const std::string& netns, const std::string& text) {
  answer_->document["not_done"].push_back({{"name", name}, {"netns", netns}, {"text", text}});
  answer_->exit_code = kProblem;
}

Answer PauseCommand(const CommandLine& line, const State& state, System*) {
  return line.name.empty() ? PauseAll(state, true) : PauseOne(line, state, true);
}

Answer ResumeCommand(const CommandLine& line, const State& state, System*) {
  return line.name.empty() ? PauseAll(state, false) : PauseOne(line, state, false);
}

Answer ReclaimCommand(const CommandLine& line, const State& state, System* system) {
  const std::vector<std::string> names = NamesOf(state);
  const bool is_pattern = IsOfEachDevice(line.name);
  bool is_known = std::ranges::find(names, line.name) != names.end();
  std::vector<TunableRow> theirs;
  for (const TunableRow& row : RowsOf(state, system->AsOutside())) {
    const bool is_meant = row.name == line.name || (is_pattern && row.tunable->name == line.name);
    is_known |= is_meant;
    if (is_meant && row.owner == Owner::kAdministrator) theirs.push_back(row);
  }
  if (!is_known) return Failure(kUsage, NoSuch("tunable", line.name, names));
  if (!state.has_pins) return Failure(kNoDaemon, kNothingLeft);
  if (theirs.empty()) {
    return Failure(kProblem, "'" + line.name + "' is nobody else's: there is nothing to give back");
  }
  auto orders = Orders::Load(line.tuners, state.pins);
  if (!orders) return Failure(orders.error());
  Answer out;
  Done done(&out);
  for (const TunableRow& row : theirs) {
    state_key set = row.key;
    set.row = row.tunable->set_row;
    const auto entry = std::ranges::find_if(state.owners, [&](const OwnerEntry& one) {
      return std::tie(one.key.netns, one.key.tuner, one.key.row, one.key.device) ==
             std::tie(set.netns, set.tuner, set.row, set.device);
    });
    auto reclaimed = orders->Reclaim(set, entry->value.generation);
    const std::string what = "'" + row.name + "' in " + row.netns;
    if (reclaimed) {
      done.Add("reclaimed", row.name, row.netns,
               what + " is bpftune's again, from the value that is there now (" +
                   (row.now ? row.now->Text() : "which cannot be read") + ")");
    } else {
      done.Fail(row.name, row.netns, what + ": " + reclaimed.error().message());
    }
  }
  return out;
}

std::string DoneText(const Json& document, const Style& style) {
  std::string out;
  for (const Json& done : document.at("done")) {
    out += Harmless(done.at("text").get<std::string>()) + "\n";
  }
  for (const Json& left : document.at("not_done")) {
    out += Coloured(Harmless(left.at("text").get<std::string>()), Colour::kBad, style) + "\n";
  }
  return out.empty() ? "there was nothing to do\n" : out;
}

}  // namespace bpftune::ctl
