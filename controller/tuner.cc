// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/tuner.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "controller/capabilities.h"

namespace bpftune {
namespace {

// enum bpf_attach_type from 6.4; Debian 12's headers are older, and so is its BPF_F_LINK.
constexpr int kStructOps = 44;
constexpr uint32_t kMapHasLink = 1U << 13;

// Which program serves each hook of the description; empty: none does.
using Choice = std::vector<std::string>;

// The last line before the verifier's statistics: its verdict. If it has not come to that, what
// libbpf complains of first.
std::string Verdict(const std::vector<std::string>& lines) {
  std::string verdict = lines.empty() ? "" : lines.front();
  for (const std::string& line : lines) {
    if (line.starts_with("processed ")) break;
    if (!line.empty() && line.find("libbpf: ") == line.npos && !line.starts_with("--"))
      verdict = line;
  }
  return verdict;
}

// What an object is loaded with. Load() opens it anew, with just the chosen programs: libbpf cannot
// retry a load.
struct Recipe {
  const ObjectFile& file;
  const uint16_t id;
  const Description& description;
  const SharedMaps& maps;
  const KeptMaps& kept;
  const TunerFacts& facts;

  Result<BpfObjectPtr> Load(const Choice& choice) const {
    auto object = OpenObject(file, facts.btf);
    if (!object) return object;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object->get()) {
      const bool chosen = std::ranges::find(choice, bpf_program__name(program)) != choice.end();
      if (chosen) bpf_program__set_autoload(program, true);  // a "?" in SEC() has it off
    }
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object->get()) {
      if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS) bpf_map__set_map_flags(map, kMapHasLink);
    }
    for (const Status& step :
         {Tell(object->get(), choice), maps.GiveTo(object->get()), kept.GiveTo(object->get())}) {
      if (!step) return step.error();
    }
    (void)TakeLibbpfMessages();
    const int err = bpf_object__load(object->get());
    if (err) {
      const std::vector<std::string> lines = TakeLibbpfMessages();
      for (const std::string& line : lines) facts.log->Debug(line);
      const std::string words = Verdict(lines);
      return Error(err, "loading" + (words.empty() ? "" : " (" + words + ")"));
    }
    return object;
  }

  // The facts, and which hooks run by their first alternative.
  Status Tell(bpf_object* object, const Choice& choice) const {
    uint32_t hooks = 0;
    for (size_t row = 0; row < choice.size(); ++row) {
      if (choice[row] == description.hooks[row].programs.front()) hooks |= 1U << row;
    }
    uint16_t set_rows[TUNER_MAX_TUNABLES] = {};
    for (size_t row = 0; row < description.tunables.size(); ++row) {
      set_rows[row] = description.tunables[row].set_row;
    }
    for (const Status& step : {
             SetRodata(object, "tuner_id", &id, sizeof(id)),
             SetRodata(object, "tuner_set_row", set_rows, sizeof(set_rows)),
             SetRodata(object, "tuner_hooks", &hooks, sizeof(hooks)),
             SetRodata(object, "tuner_netns_by_inode", &facts.netns_by_inode, sizeof(bool)),
             SetRodata(object, "tuner_confined", &facts.confined, sizeof(bool)),
             SetRodata(object, "tuner_page_bytes", &facts.page_bytes, sizeof(facts.page_bytes)),
         }) {
      if (!step) return step.error();
    }
    return Ok();
  }
};

// The type of a variable of the object, by name; empty: there is no such variable.
std::string TypeOf(const bpf_object* object, const std::string& variable) {
  const btf* types = bpf_object__btf(object);
  const int id = types ? btf__find_by_name_kind(types, variable.c_str(), BTF_KIND_VAR) : -1;
  if (id < 0) return "";
  const btf_type* type =
      btf__type_by_id(types, btf__type_by_id(types, static_cast<uint32_t>(id))->type);
  return btf__name_by_offset(types, type->name_off);
}

// A congestion control: functions that the kernel calls, in a map named after the hook. libbpf 1.1
// registers it for as long as the machine runs; with a link of the kernel's own it goes with the
// daemon.
Result<Attachment> AttachStructOps(bpf_object* object, const std::string& hook) {
  bpf_map* map = bpf_object__find_map_by_name(object, hook.c_str());
  if (!map || TypeOf(object, hook) != "tcp_congestion_ops") {
    return Error("there is no tcp_congestion_ops '" + hook + "'; bpftune registers nothing else");
  }
  Attachment out;
  out.link.reset(bpf_map__attach_struct_ops(map));
  if (!out.link) return Error::FromErrno("handing over the functions '" + hook + "'");
  out.registration = UniqueFd(
      bpf_link_create(bpf_map__fd(map), 0, static_cast<bpf_attach_type>(kStructOps), nullptr));
  if (!out.registration) return Error::FromErrno("registering the functions '" + hook + "'");
  return out;
}

// A closed list; what is not in it is refused rather than attached by guess. A program that walks a
// map is named after it: <hook>__<map>.
Result<Attachment> Attach(bpf_object* object, const HookState& state, int cgroup_fd) {
  bpf_program* program = bpf_object__find_program_by_name(object, state.program.c_str());
  if (!program) return Error("hook '" + state.hook.name + "' has no program that works");
  const std::string_view section = bpf_program__section_name(program);
  const std::string map_name = state.program.substr(state.hook.name.size() + 2);
  if (section == "struct_ops") return AttachStructOps(object, state.hook.name);
  BpfLinkPtr link;
  if (section == "sockops" || section == "cgroup/sysctl" || section == "cgroup/setsockopt") {
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
  } else if (section.starts_with("tp_btf/") || section.starts_with("fentry/") ||
             section.starts_with("fexit/")) {
    // Not bpf_program__attach(): a section whose handler is ours (kernel_types.h) is unknown to it.
    link.reset(bpf_program__attach_trace(program));
  } else if (section.starts_with("raw_tp/") || section.starts_with("kprobe/") ||
             section.starts_with("kretprobe/")) {
    link.reset(bpf_program__attach(program));
  } else {
    return Error("section '" + std::string(section) + "' is not one that bpftune attaches");
  }
  if (!link) return Error::FromErrno("attaching '" + state.program + "'");
  return Attachment{.link = std::move(link), .registration = {}};
}

// The search for a set of programs, one a hook, that load and attach together.
class Search {
 public:
  Search(const Description& description, const bpf_object* object, const TunerFacts& facts)
      : refused_(facts.refused) {
    for (const Hook& hook : description.hooks) {
      HookState& state = states_.emplace_back(HookState{.hook = hook});
      auto& left = left_.emplace_back();
      for (const std::string& name : hook.programs) {
        const bpf_program* program = bpf_object__find_program_by_name(object, name.c_str());
        const std::string section = program ? bpf_program__section_name(program) : "";
        sections_[name] = section;
        if (facts.without.contains(name)) {
          state.why_not = name + ": switched off with --without-hook";
        } else if (refused_ && refused_->contains(section)) {
          state.why_not = NotPermitted(name);
        } else {
          left.push_back(name);
        }
      }
      TakeFirst(states_.size() - 1);
    }
  }

  // How it stands: of each hook the first alternative that is left, if one is.
  const std::vector<HookState>& states() const { return states_; }

  Choice choice() const {
    Choice out;
    for (const HookState& state : states_) out.push_back(state.program);
    return out;
  }

  void Note(size_t row, Firing firing) { states_[row].firing = firing; }

  // What this hook would run by has failed. Each call uses one up, so a search ends.
  void Reject(size_t row, const Error& error) {
    const std::string& program = states_[row].program;
    if (error.code() == EPERM) {
      if (refused_) refused_->insert(sections_[program]);
      states_[row].why_not = NotPermitted(program);
    } else {
      states_[row].why_not = program + ": " + error.message();
    }
    left_[row].erase(left_[row].begin());
    TakeFirst(row);
  }

  // The first alternative of a hook that loads alone; those before it are rejected. None: none
  // does.
  BpfObjectPtr LoadFirst(size_t row, const Recipe& recipe) {
    while (!states_[row].program.empty()) {
      Choice alone(states_.size());
      alone[row] = states_[row].program;
      auto loaded = recipe.Load(alone);
      if (loaded) return std::move(*loaded);
      Reject(row, loaded.error());
    }
    return nullptr;
  }

  // One program spoils the load of all: finds out which, by loading each alone. False: none does.
  bool RejectWhatDoesNotLoad(const Recipe& recipe) {
    const Choice before = choice();
    for (size_t row = 0; row < states_.size(); ++row) LoadFirst(row, recipe);
    return choice() != before;
  }

 private:
  // The same words whether it was tried or one like it.
  std::string NotPermitted(const std::string& program) {
    return program + ": " + sections_[program] + " is not permitted here";
  }

  void TakeFirst(size_t row) {
    HookState& state = states_[row];
    state.program = left_[row].empty() ? "" : left_[row].front();
    state.preferred = state.program == state.hook.programs.front();
    state.firing = Firing::kNotTried;
  }

  std::set<std::string>* refused_;
  std::map<std::string, std::string> sections_;  // by program
  // Beside the hooks of the description.
  std::vector<HookState> states_;
  std::vector<std::vector<std::string>> left_;  // in order of preference
};

// Attaches what was chosen, beside the hooks of the description. False: one did not attach, and has
// been rejected.
bool AttachAll(bpf_object* object, int cgroup_fd, Search* search, std::vector<Attachment>* links) {
  links->clear();
  links->resize(search->states().size());
  for (size_t row = 0; row < links->size(); ++row) {
    const HookState& state = search->states()[row];
    if (state.program.empty()) continue;
    auto link = Attach(object, state, cgroup_fd);
    if (!link) {
      search->Reject(row, link.error());
      links->clear();
      return false;
    }
    (*links)[row] = std::move(*link);
  }
  return true;
}

bool IsInDoubt(std::string_view section, const TunerFacts& facts) {
  return IsOnFunction(section) ||
         (!facts.below_cgroup_root && (section == "sockops" || section.starts_with("cgroup/")));
}

// Tries what is attached. False: one is silent, and has been rejected.
bool TryAll(const bpf_object* object, const TunerFacts& facts, Search* search) {
  std::vector<size_t> rows;
  std::vector<const bpf_program*> programs;
  for (size_t row = 0; row < search->states().size(); ++row) {
    const HookState& state = search->states()[row];
    if (state.hook.kind != HOOK_EVENT || state.program.empty()) continue;
    const bpf_program* program = bpf_object__find_program_by_name(object, state.program.c_str());
    if (facts.firing != TryUse::kAll && !IsInDoubt(bpf_program__section_name(program), facts))
      continue;
    rows.push_back(row);
    programs.push_back(program);
  }
  if (programs.empty()) return true;
  const std::vector<Firing> answers = TryFiring(programs);
  bool all_fire = true;
  for (size_t i = 0; i < rows.size(); ++i) {
    search->Note(rows[i], answers[i]);
    if (answers[i] != Firing::kSilent) continue;
    search->Reject(rows[i], Error("attached, but the kernel never runs it"));
    all_fire = false;
  }
  return all_fire;
}

// What its checks say, before anything is asked of the other hooks: where there is nothing to do
// they need not work, nor cost the time of a load. A check that does not load says nothing.
Result<std::string> WhyStandDown(const Recipe& recipe, Search* search) {
  std::string reason;
  for (size_t row = 0; row < search->states().size() && reason.empty(); ++row) {
    const HookState& state = search->states()[row];
    if (state.hook.kind != HOOK_CHECK) continue;
    auto loaded = search->LoadFirst(row, recipe);
    if (!loaded) continue;
    auto attached = Attach(loaded.get(), state, recipe.facts.cgroup_fd);
    if (!attached) continue;
    auto ran = RunIterator(attached->link.get(), &reason);
    if (!ran) return ran.error().Within(recipe.description.name + ", " + state.program);
  }
  std::ranges::replace_if(
      reason, [](char c) { return c < ' ' || c > '~'; }, '?');
  return reason;
}

Status CheckRequired(const Description& description, const std::vector<HookState>& states) {
  for (const HookState& state : states) {
    if (!state.hook.required || !state.program.empty()) continue;
    return Error("tuner '" + description.name + "', hook '" + state.hook.name +
                 "': none of its programs works on this kernel (" + state.why_not + "); " +
                 state.hook.loss + ". See docs/kernel-support.md");
  }
  return Ok();
}

// Its own maps whose key is a struct state_key, by name. Asked before the load: a map that is taken
// over has the types of another object.
std::vector<std::string> NamesOfStateMaps(const bpf_object* object) {
  std::vector<std::string> out;
  const btf* types = bpf_object__btf(object);
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    const btf_type* key = types ? btf__type_by_id(types, bpf_map__btf_key_type_id(map)) : nullptr;
    if (!key || !btf_is_struct(key) || name.starts_with("tuner_")) continue;  // shared
    if (btf__name_by_offset(types, key->name_off) == std::string_view("state_key")) {
      out.push_back(name);
    }
  }
  return out;
}

}  // namespace

Result<Description> Tuner::Describe(const ObjectFile& file) {
  auto opened = OpenObject(file);
  if (!opened) return opened.error();
  auto description = ReadDescription(opened->get());
  if (!description) return description.error().Within("'" + file.path + "'");
  return description;
}

Result<Tuner> Tuner::Load(const ObjectFile& file, Description description, uint16_t id,
                          const SharedMaps& maps, Pins* pins, const TunerFacts& facts) {
  const InForceForLoading may_load;
  auto opened = OpenObject(file);
  if (!opened) return opened.error();
  Tuner tuner(id, std::move(description), facts.cgroup_fd);
  auto kept = KeptMaps::Of(opened->get(), tuner.description_, id, pins);
  if (!kept) return kept.error().Within("'" + file.path + "'");
  tuner.kept_ = std::move(*kept);
  tuner.state_maps_ = NamesOfStateMaps(opened->get());
  Search search(tuner.description_, opened->get(), facts);
  opened->reset();
  tuner.LookForModules(facts.modules);
  const Recipe recipe{file, id, tuner.description_, maps, tuner.kept_, facts};
  auto reason = WhyStandDown(recipe, &search);
  if (!reason) return reason.error();
  tuner.stands_down_ = std::move(*reason);
  if (!tuner.stands_down_.empty()) return tuner;
  // Usually the first choice of every hook works, and this loads once.
  for (;;) {
    auto loaded = recipe.Load(search.choice());
    if (!loaded && !search.RejectWhatDoesNotLoad(recipe)) {
      auto complete = CheckRequired(tuner.description_, search.states());
      if (!complete) return complete.error();
      return loaded.error().Within("tuner '" + tuner.description_.name + "'");
    }
    if (!loaded) continue;
    if (!AttachAll(loaded->get(), facts.cgroup_fd, &search, &tuner.links_)) continue;
    if (!TryAll(loaded->get(), facts, &search)) {
      tuner.links_.clear();
      continue;
    }
    tuner.object_ = std::move(*loaded);
    break;
  }
  tuner.states_ = search.states();
  auto complete = CheckRequired(tuner.description_, tuner.states_);
  if (!complete) return complete.error();
  tuner.kept_.Keep(tuner.object_.get(), pins);
  for (const auto& [map, name] :
       {std::pair{"counts", "counts"}, {TUNER_SECTION, kDescriptionMap}}) {
    pins->Show(PinOf(tuner.description_.name, name), tuner.MapFd(map));
  }
  return tuner;
}

void Tuner::LookForModules(ModuleUse use) {
  modules_.clear();
  for (const Module& module : description_.modules) {
    const Status there = LookForModule(module.name, use);
    modules_.push_back({module, there ? "" : there.error().message()});
  }
}

std::string Tuner::WhyNot(size_t strategy) const {
  for (size_t row = 0; row < states_.size(); ++row) {
    if (!(description_.strategies[strategy].hooks & (1U << row)) || !states_[row].program.empty())
      continue;
    return "hook '" + states_[row].hook.name + "' does not work (" + states_[row].why_not + ")";
  }
  return "";
}

Status Tuner::Use(size_t strategy) {
  const InForceForLoading may_attach;
  uint32_t of_any = 0;
  for (const Strategy& any : description_.strategies) of_any |= any.hooks;
  const uint32_t wanted = description_.strategies[strategy].hooks;
  for (size_t row = 0; row < states_.size(); ++row) {
    const uint32_t bit = 1U << row;
    if ((of_any & bit) && !(wanted & bit)) links_[row] = {};
  }
  for (size_t row = 0; row < states_.size(); ++row) {
    HookState& state = states_[row];
    if (!(wanted & (1U << row)) || links_[row].link) continue;
    auto link = Attach(object_.get(), state, cgroup_fd_);
    if (!link) {
      state.why_not = state.program + ": " + link.error().message();
      state.program.clear();
      state.preferred = false;
      return link.error();
    }
    links_[row] = std::move(*link);
  }
  return Ok();
}

bool Tuner::has(tuner_hook_kind kind) const {
  return std::any_of(states_.begin(), states_.end(), [&](const HookState& state) {
    return state.hook.kind == kind && !state.program.empty();
  });
}

bool Tuner::Walks(const std::string& map) const {
  return std::any_of(states_.begin(), states_.end(),
                     [&](const HookState& state) { return state.program.ends_with("__" + map); });
}

std::vector<int> Tuner::StateMaps() const {
  std::vector<int> out;
  out.reserve(state_maps_.size());
  for (const std::string& name : state_maps_) out.push_back(MapFd(name));
  return out;
}

int Tuner::MapFd(const std::string& name) const {
  return bpf_object__find_map_fd_by_name(object_.get(), name.c_str());
}

Result<UniqueFd> Tuner::RunFirst(tuner_hook_kind kind) const {
  for (size_t row = 0; row < states_.size(); ++row) {
    if (states_[row].hook.kind == kind && links_[row].link) return RunPeriodic(row);
  }
  return UniqueFd();
}

Result<UniqueFd> Tuner::RunPeriodic(size_t hook) const {
  if (!links_[hook].link) return UniqueFd();
  auto run = RunIterator(links_[hook].link.get());
  if (!run) return run.error().Within(description_.name + ", " + states_[hook].program);
  return run;
}

std::vector<uint64_t> Tuner::Counts() const {
  std::vector<uint64_t> out(description_.counters.size());
  const int fd = MapFd("counts");
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
