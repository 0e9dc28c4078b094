// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/tuner.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>

namespace bpftune {
namespace {

// Which program serves each hook; no entry: none does.
using Choice = std::map<std::string, std::string>;

std::vector<std::string> Alternatives(const bpf_object* object, const std::string& hook) {
  std::vector<std::string> out;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string_view name = bpf_program__name(program);
    if (name.starts_with(hook + "__")) out.emplace_back(name);
  }
  return out;
}

// The last line before the verifier's statistics: its verdict.
std::string LastWords(const std::vector<std::string>& lines) {
  std::string verdict;
  for (const std::string& line : lines) {
    if (line.starts_with("processed ")) break;
    if (!line.empty() && line.find("libbpf: ") == line.npos && !line.starts_with("--")) verdict = line;
  }
  return verdict;
}

// Opens the object anew with just these programs, ready to load: libbpf cannot retry a load.
class Preparer {
 public:
  Preparer(const std::string& path, uint16_t id, const Description& description,
           const SharedMaps& maps, const TunerFacts& facts)
      : path_(path), id_(id), description_(description), maps_(maps), facts_(facts) {}

  Result<BpfObjectPtr> Load(const Choice& choice) const {
    auto object = OpenObject(path_);
    if (!object) return object;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object->get()) {
      const std::string name = bpf_program__name(program);
      const bool chosen = std::any_of(choice.begin(), choice.end(),
                                      [&](const auto& entry) { return entry.second == name; });
      bpf_program__set_autoload(program, chosen);
    }
    auto told = Tell(object->get());
    if (!told) return told.error();
    auto shared = maps_.GiveTo(object->get());
    if (!shared) return shared.error();
    (void)TakeLibbpfMessages();
    const int err = bpf_object__load(object->get());
    if (err) {
      const std::vector<std::string> lines = TakeLibbpfMessages();
      for (const std::string& line : lines) facts_.log->Debug(line);
      const std::string words = LastWords(lines);
      return Error(err, "loading" + (words.empty() ? "" : " (" + words + ")"));
    }
    return object;
  }

 private:
  Status Tell(bpf_object* object) const {
    uint16_t set_rows[TUNER_MAX_TUNABLES] = {};
    for (size_t row = 0; row < description_.tunables.size(); ++row) {
      set_rows[row] = description_.tunables[row].set_row;
    }
    for (const Status& step : {
             SetRodata(object, "tuner_id", &id_, sizeof(id_)),
             SetRodata(object, "tuner_set_row", set_rows, sizeof(set_rows)),
             SetRodata(object, "tuner_netns_by_inode", &facts_.netns_by_inode, sizeof(bool)),
             SetRodata(object, "tuner_confined", &facts_.confined, sizeof(bool)),
             SetRodata(object, "tuner_page_bytes", &facts_.page_bytes, sizeof(facts_.page_bytes)),
         }) {
      if (!step) return step.error();
    }
    return Ok();
  }

  const std::string& path_;
  uint16_t id_;
  const Description& description_;
  const SharedMaps& maps_;
  const TunerFacts& facts_;
};

// A closed list; what is not in it is refused rather than attached by guess. A program that walks a
// map is named after it: <hook>__<map>.
Result<BpfLinkPtr> Attach(bpf_object* object, bpf_program* program, const std::string& hook,
                          int cgroup_fd) {
  const std::string_view section = bpf_program__section_name(program);
  const std::string name = bpf_program__name(program);
  const std::string map_name = name.substr(hook.size() + 2);
  BpfLinkPtr link;
  if (section == "sockops" || section == "cgroup/sysctl") {
    if (cgroup_fd < 0) return Error("there is no cgroup v2 to attach to");
    link.reset(bpf_program__attach_cgroup(program, cgroup_fd));
  } else if (section == "iter/bpf_sk_storage_map" || section == "iter/bpf_map_elem") {
    const int map_fd = bpf_object__find_map_fd_by_name(object, map_name.c_str());
    if (map_fd < 0) return Error("there is no map '" + map_name + "' to walk");
    bpf_iter_link_info info = {};
    info.map.map_fd = static_cast<__u32>(map_fd);
    LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
    link.reset(bpf_program__attach_iter(program, &options));
  } else if (section.starts_with("iter/")) {
    link.reset(bpf_program__attach_iter(program, nullptr));
  } else if (section.starts_with("tp_btf/") || section.starts_with("raw_tp/") ||
             section.starts_with("fentry/") || section.starts_with("fexit/") ||
             section.starts_with("kprobe/") || section.starts_with("kretprobe/")) {
    link.reset(bpf_program__attach(program));
  } else {
    return Error("section '" + std::string(section) + "' is not one that bpftune attaches");
  }
  if (!link) return Error::FromErrno("attaching '" + name + "'");
  return link;
}

// Without the '?' that makes a program optional.
HookState StateOf(const Hook& hook, const std::vector<std::string>& alternatives, const Choice& choice,
                  const std::map<std::string, std::string>& why_not) {
  HookState state{hook, "", false, ""};
  const auto chosen = choice.find(hook.name);
  if (chosen != choice.end()) {
    state.program = chosen->second;
    state.preferred = !alternatives.empty() && alternatives.front() == chosen->second;
  }
  const auto why = why_not.find(hook.name);
  if (why != why_not.end()) state.why_not = why->second;
  return state;
}

}  // namespace

Result<Tuner> Tuner::Load(const std::string& path, uint16_t id, const SharedMaps& maps,
                          const TunerFacts& facts) {
  auto opened = OpenObject(path);
  if (!opened) return opened.error();
  auto description = ReadDescription(opened->get());
  if (!description) return description.error().Within("'" + path + "'");
  Tuner tuner(id, std::move(*description));
  const Preparer preparer(path, id, tuner.description_, maps, facts);

  std::map<std::string, std::vector<std::string>> alternatives;
  std::map<std::string, std::string> why_not;
  Choice choice;
  for (const Hook& hook : tuner.description_.hooks) {
    auto& programs = alternatives[hook.name] = Alternatives(opened->get(), hook.name);
    std::erase_if(programs, [&](const std::string& name) {
      const bool banned = facts.without.contains(name);
      if (banned) why_not[hook.name] = "switched off with --without-hook";
      return banned;
    });
    if (!programs.empty()) choice[hook.name] = programs.front();
  }
  opened->reset();

  // Takes the next alternative of a hook after the chosen one has failed.
  const auto next = [&](const std::string& hook, const std::string& why) {
    why_not[hook] = choice[hook] + ": " + why;
    const auto& programs = alternatives[hook];
    auto at = std::find(programs.begin(), programs.end(), choice[hook]);
    if (++at == programs.end()) {
      choice.erase(hook);
    } else {
      choice[hook] = *at;
    }
  };

  // Usually the first choice of every hook works and this loads once. Each failure uses up an
  // alternative, so it ends.
  for (;;) {
    auto loaded = preparer.Load(choice);
    if (!loaded) {
      // One program spoils the load of all: try each by itself.
      bool found = false;
      for (const auto& [hook, program] : Choice(choice)) {
        while (choice.contains(hook)) {
          auto alone = preparer.Load({{hook, choice[hook]}});
          if (alone) break;
          next(hook, alone.error().message());
          found = true;
        }
      }
      if (!found) return loaded.error().Within("tuner '" + tuner.description_.name + "'");
      continue;
    }
    tuner.links_.clear();
    tuner.links_.resize(tuner.description_.hooks.size());
    bool all = true;
    for (size_t row = 0; row < tuner.description_.hooks.size() && all; ++row) {
      const std::string& hook = tuner.description_.hooks[row].name;
      if (!choice.contains(hook)) continue;
      bpf_program* program =
          bpf_object__find_program_by_name(loaded->get(), choice[hook].c_str());
      auto link = Attach(loaded->get(), program, hook, facts.cgroup_fd);
      if (link) {
        tuner.links_[row] = std::move(*link);
      } else {
        next(hook, link.error().message());
        all = false;
      }
    }
    if (!all) {
      tuner.links_.clear();
      continue;
    }
    tuner.object_ = std::move(*loaded);
    break;
  }

  for (const Hook& hook : tuner.description_.hooks) {
    tuner.states_.push_back(StateOf(hook, alternatives[hook.name], choice, why_not));
    const HookState& state = tuner.states_.back();
    if (hook.required && state.program.empty()) {
      return Error("tuner '" + tuner.description_.name + "', hook '" + hook.name +
                   "': none of its programs works on this kernel (" + state.why_not + "); " +
                   hook.loss + ". See docs/kernel-support.md");
    }
  }
  return tuner;
}

bool Tuner::has(tuner_hook_kind kind) const {
  return std::any_of(states_.begin(), states_.end(), [&](const HookState& state) {
    return state.hook.kind == kind && !state.program.empty();
  });
}

Status Tuner::RunPulse() const {
  for (size_t row = 0; row < states_.size(); ++row) {
    if (states_[row].hook.kind != HOOK_PULSE || !links_[row]) continue;
    auto run = RunIterator(links_[row].get());
    if (!run) return run.error().Within("pulse of tuner '" + description_.name + "'");
  }
  return Ok();
}

Status Tuner::RunPeriodic(size_t hook) const {
  return links_[hook] ? RunIterator(links_[hook].get()) : Ok();
}

Status Tuner::RunVisit() const {
  for (size_t row = 0; row < states_.size(); ++row) {
    if (states_[row].hook.kind == HOOK_VISIT && links_[row]) return RunIterator(links_[row].get());
  }
  return Ok();
}

std::vector<uint64_t> Tuner::Counts() const {
  std::vector<uint64_t> out(description_.counters.size());
  const int fd = bpf_object__find_map_fd_by_name(object_.get(), "counts");
  const int cpus = libbpf_num_possible_cpus();
  if (fd < 0 || cpus <= 0) return out;
  std::vector<uint64_t> cells(static_cast<size_t>(cpus));
  for (uint32_t row = 0; row < out.size(); ++row) {
    if (bpf_map_lookup_elem(fd, &row, cells.data()) != 0) continue;
    for (const uint64_t cell : cells) out[row] += cell;
  }
  return out;
}

}  // namespace bpftune
