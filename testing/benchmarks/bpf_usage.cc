// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/benchmarks/bpf_usage.h"

#include <bpf/bpf.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "controller/unique_fd.h"

namespace bpftune::testing {
namespace {

// One fdinfo file: "key:<tab>value" lines.
using FdInfo = std::map<std::string, std::string>;

FdInfo ReadFdInfo(const std::filesystem::path& path) {
  std::ifstream file(path);
  FdInfo info;
  std::string key;
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(":\t");
    if (colon != line.npos) info[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return info;
}

uint64_t Number(const FdInfo& info, const std::string& key) {
  const auto found = info.find(key);
  return found == info.end() ? 0 : std::stoull(found->second);
}

Result<ProgramUsage> AskForProgram(uint32_t id, uint64_t memlock) {
  const UniqueFd fd(bpf_prog_get_fd_by_id(id));
  bpf_prog_info info = {};
  __u32 size = sizeof(info);
  if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) {
    return Error::FromErrno("asking for BPF program " + std::to_string(id));
  }
  return ProgramUsage{.id = id,
                      .name = info.name,
                      .type = info.type,
                      .runs = info.run_cnt,
                      .run_ns = info.run_time_ns,
                      .bytes = memlock + info.jited_prog_len};
}

Result<MapUsage> AskForMap(uint32_t id, uint64_t memlock) {
  const UniqueFd fd(bpf_map_get_fd_by_id(id));
  bpf_map_info info = {};
  __u32 size = sizeof(info);
  if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) {
    return Error::FromErrno("asking for BPF map " + std::to_string(id));
  }
  return MapUsage{.id = id, .name = info.name, .bytes = memlock};
}

}  // namespace

uint64_t BpfUsage::ProgramBytes() const {
  uint64_t sum = 0;
  for (const ProgramUsage& program : programs) sum += program.bytes;
  return sum;
}

uint64_t BpfUsage::MapBytes() const {
  uint64_t sum = 0;
  for (const MapUsage& map : maps) sum += map.bytes;
  return sum;
}

const MapUsage* BpfUsage::FindMap(const std::string& name) const {
  for (const MapUsage& map : maps) {
    if (map.name == name.substr(0, BPF_OBJ_NAME_LEN - 1)) return &map;
  }
  return nullptr;
}

Result<BpfUsage> BpfUsageOf(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/fdinfo";
  std::map<uint32_t, uint64_t> programs;  // id -> memlock
  std::map<uint32_t, uint64_t> maps;
  std::set<uint32_t> iterators;
  std::error_code err;
  for (const auto& entry : std::filesystem::directory_iterator(directory, err)) {
    const FdInfo info = ReadFdInfo(entry.path());
    const auto id = static_cast<uint32_t>(Number(info, "prog_id"));
    if (info.contains("link_type")) {
      if (info.at("link_type") == "iter") iterators.insert(id);
    } else if (info.contains("prog_jited")) {
      programs[id] = Number(info, "memlock");
    } else if (info.contains("map_type")) {
      maps[static_cast<uint32_t>(Number(info, "map_id"))] = Number(info, "memlock");
    }
  }
  if (err) return Error(err.value(), "reading '" + directory + "'");
  BpfUsage usage;
  for (const auto& [id, memlock] : programs) {
    auto program = AskForProgram(id, memlock);
    if (!program) return program.error();
    program->is_iterator = iterators.contains(id);
    usage.programs.push_back(std::move(*program));
  }
  for (const auto& [id, memlock] : maps) {
    auto map = AskForMap(id, memlock);
    if (!map) return map.error();
    usage.maps.push_back(std::move(*map));
  }
  return usage;
}

Result<uint64_t> ProcNumber(pid_t pid, const std::string& file, const std::string& field) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + file;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(field)) continue;
    std::istringstream rest(line.substr(field.size()));
    uint64_t number = 0;
    if (rest >> number) return number;
  }
  return Error("there is no '" + field + "' in '" + path + "'");
}

Result<uint64_t> CpuTimeNs(pid_t pid) {
  // Its first number; "" stands at the start of every line.
  return ProcNumber(pid, "schedstat", "");
}

}  // namespace bpftune::testing
