// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/objects/held_objects.h"

#include <bpf/bpf.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace bpftune::testing {
namespace {

constexpr size_t kNameMost = BPF_OBJ_NAME_LEN - 1;

std::string NameOf(int program) {
  bpf_prog_info info = {};
  __u32 length = sizeof(info);
  return bpf_obj_get_info_by_fd(program, &info, &length) == 0 ? info.name : "?";
}

}  // namespace

Result<HeldObjects> HeldObjects::Of(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/fdinfo";
  std::set<uint32_t> programs, links, maps;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::ifstream info(entry.path());
    std::string word;
    for (uint32_t id = 0; info >> word;) {
      if (word == "prog_id:" && info >> id) programs.insert(id);
      if (word == "link_id:" && info >> id) links.insert(id);
      if (word == "map_id:" && info >> id) maps.insert(id);
    }
  }
  if (error) return Error(error.value(), "reading '" + directory + "'");
  return HeldObjects{
      {programs.begin(), programs.end()}, {links.begin(), links.end()}, {maps.begin(), maps.end()}};
}

Result<UniqueFd> HeldObjects::ProgramOf(const std::string& hook) const {
  for (const uint32_t id : programs) {
    UniqueFd fd(bpf_prog_get_fd_by_id(id));
    if (fd && NameOf(fd.get()).starts_with(hook + "__")) return fd;
  }
  return Error("there is no program of a hook '" + hook + "'");
}

Result<UniqueFd> HeldObjects::Map(const std::string& name) const {
  for (const uint32_t id : maps) {
    UniqueFd fd(bpf_map_get_fd_by_id(id));
    bpf_map_info info = {};
    __u32 length = sizeof(info);
    if (fd && bpf_obj_get_info_by_fd(fd.get(), &info, &length) == 0 &&
        info.name == name.substr(0, kNameMost)) {
      return fd;
    }
  }
  return Error("there is no map '" + name + "'");
}

Result<UniqueFd> HeldObjects::LinkOf(const std::string& hook) const {
  for (const uint32_t id : links) {
    UniqueFd fd(bpf_link_get_fd_by_id(id));
    bpf_link_info info = {};
    __u32 length = sizeof(info);
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) continue;
    const UniqueFd attached(bpf_prog_get_fd_by_id(info.prog_id));
    if (attached && NameOf(attached.get()).starts_with(hook + "__")) return fd;
  }
  return Error("no program of a hook '" + hook + "' is attached");
}

std::vector<std::string> HeldObjects::StillThere() const {
  std::vector<std::string> out;
  for (const uint32_t id : programs) {
    const UniqueFd fd(bpf_prog_get_fd_by_id(id));
    if (fd) out.push_back("program " + std::to_string(id) + " '" + NameOf(fd.get()) + "'");
  }
  for (const uint32_t id : links) {
    if (UniqueFd(bpf_link_get_fd_by_id(id))) out.push_back("link " + std::to_string(id));
  }
  for (const uint32_t id : maps) {
    if (UniqueFd(bpf_map_get_fd_by_id(id))) out.push_back("map " + std::to_string(id));
  }
  return out;
}

}  // namespace bpftune::testing
