// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// bpftunectl hosts

#include "tools/bpftunectl/hosts.h"

#include <arpa/inet.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "controller/bpf_handles.h"
#include "controller/kept/pins.h"
#include "tools/bpftunectl/btf_values.h"
#include "tools/bpftunectl/commands.h"

namespace bpftune::ctl {
namespace {

constexpr double kFraction = 256;  // logarithms have 8 fractional bits
constexpr char kNamesVariable[] = "arm_names";
constexpr char kDefaultName[] = "default";

std::string AddressOf(uint64_t prefix, uint64_t family) {
  char text[INET6_ADDRSTRLEN] = "?";
  uint8_t bytes[16] = {};
  std::memcpy(bytes, &prefix, sizeof(prefix));
  if (family == AF_INET) inet_ntop(AF_INET, bytes, text, sizeof(text));
  if (family == AF_INET6) inet_ntop(AF_INET6, bytes, text, sizeof(text));
  return family == AF_INET6 ? std::string(text) + "/64" : text;
}

// Of a logarithm of bytes/s.
double MbitOf(double rate_q8) { return std::exp2(rate_q8 / kFraction) * 8 / 1e6; }

Json GroupOf(const Json& group) {
  const auto runs = group.at("runs").get<uint64_t>();
  return {{"runs", runs},
          {"mbit_s", runs != 0 ? Json(MbitOf(group.at("rate_q8").get<double>())) : Json(nullptr)}};
}

// The values of `char NAME[N][M]` in the constants of a tuner's object.
std::vector<std::string> ArmNames(const std::string& path) {
  const auto object = OpenObject(path);
  if (!object) return {};
  const btf* types = bpf_object__btf(object->get());
  const bpf_map* constants = bpf_object__find_map_by_name(object->get(), ".rodata");
  const int section = types ? btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC) : -1;
  const int variable = types ? btf__find_by_name_kind(types, kNamesVariable, BTF_KIND_VAR) : -1;
  size_t size = 0;
  const char* bytes =
      constants
          ? static_cast<const char*>(bpf_map__initial_value(const_cast<bpf_map*>(constants), &size))
          : nullptr;
  if (section < 0 || variable < 0 || !bytes) return {};
  const btf_type* all = btf__type_by_id(types, static_cast<uint32_t>(section));
  for (uint16_t i = 0; i < btf_vlen(all); ++i) {
    const btf_var_secinfo& place = btf_var_secinfos(all)[i];
    if (place.type != static_cast<uint32_t>(variable) || place.offset + place.size > size) continue;
    const uint32_t type = btf__type_by_id(types, place.type)->type;
    const Json names =
        ValueOf(types, type, std::as_bytes(std::span(bytes + place.offset, place.size)));
    std::vector<std::string> out;
    for (const Json& letters : names) {
      std::string name;
      for (const Json& letter : letters) {
        if (!letter.is_number() || letter.get<int>() <= 0) break;
        name += static_cast<char>(letter.get<int>());
      }
      out.push_back(name.empty() ? kDefaultName : name);
    }
    return out;
  }
  return {};
}

std::string Mbit(const Json& group) {
  if (group.at("mbit_s").is_null()) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", group.at("mbit_s").get<double>());
  return text;
}

std::string GainText(const Json& host) {
  const Json& gain = host.at("control_group").at("gain");
  if (gain.is_null()) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f times", gain.get<double>());
  return text;
}

}  // namespace

std::optional<Json> HostOf(const Json& entry, const std::vector<std::string>& names) try {
  const Json& key = entry.at("key");
  const Json& bandit = entry.at("value").at("bandit");
  const Json& groups = entry.at("value").at("control").at("groups");
  Json algorithms = Json::array();
  std::string best;
  double most = -1;
  for (const Json& arm : bandit.at("arms")) {
    const size_t row = algorithms.size();
    const std::string name = row < names.size() ? names[row] : "arm " + std::to_string(row);
    const auto weight = arm.at("weight").get<uint32_t>();
    const auto mean = arm.at("mean_q8").get<double>();
    algorithms.push_back({{"name", name},
                          {"runs_remembered", weight},
                          {"worth_mbit_s", weight != 0 ? Json(MbitOf(mean)) : Json(nullptr)}});
    if (weight == 0 || mean <= most) continue;
    best = name;
    most = mean;
  }
  const double of_default = groups.at(0).at("rate_q8").get<double>();
  const double of_tuned = groups.at(1).at("rate_q8").get<double>();
  const bool compared = groups.at(0).at("runs") != 0 && groups.at(1).at("runs") != 0;
  return Json{
      {"address", AddressOf(key.at("prefix").get<uint64_t>(), key.at("family").get<uint64_t>())},
      {"netns", {{"id", key.at("netns")}, {"name", ""}}},
      {"runs", bandit.at("runs")},
      {"kbytes", bandit.at("kbytes")},
      {"min_rtt_us", bandit.at("min_rtt_us")},
      {"loss_ppm", bandit.at("loss_ppm")},
      {"best", best.empty() ? Json(nullptr) : Json(best)},
      {"algorithms", std::move(algorithms)},
      {"control_group",
       {{"default", GroupOf(groups.at(0))},
        {"tuned", GroupOf(groups.at(1))},
        {"gain",
         compared ? Json(std::exp2((of_tuned - of_default) / kFraction)) : Json(nullptr)}}}};
} catch (const Json::exception&) {
  return std::nullopt;
}

Answer HostsCommand(const CommandLine& line, const State& state, System* system) {
  Answer out;
  Json hosts = Json::array();
  for (const TunerView& tuner : state.tuners) {
    std::error_code ignored;
    for (const auto& pin : std::filesystem::directory_iterator(state.pins, ignored)) {
      if (!pin.path().filename().string().starts_with(PinOf(tuner.name, ""))) continue;
      auto entries = EntriesWith(pin.path(), kHostKey, kHostValue);
      if (!entries) return Failure(entries.error());
      if (entries->empty()) continue;
      const auto names = ArmNames(line.tuners + "/" + tuner.name + ".bpf.o");
      for (const Json& entry : *entries) {
        auto host = HostOf(entry, names);
        if (!host) continue;
        Json& netns = host->at("netns");
        netns["name"] = system->names().DisplayName(NetnsId{netns["id"].get<uint64_t>()});
        (*host)["tuner"] = tuner.name;
        hosts.push_back(std::move(*host));
      }
    }
  }
  const auto place = [](const Json& host) {
    return std::pair(host.at("netns").at("id").get<uint64_t>(),
                     host.at("address").get<std::string>());
  };
  auto& list = hosts.get_ref<Json::array_t&>();
  std::sort(list.begin(), list.end(),
            [&](const Json& a, const Json& b) { return place(a) < place(b); });
  out.document["hosts"] = std::move(hosts);
  return out;
}

std::string HostsText(const Json& document, const Style& style) {
  Table table({"HOST", "WHERE", "SHORTEST RTT", "LOSS", "RUNS", "BEST SO FAR", "CONTROL MBIT/S",
               "TUNED MBIT/S", "GAIN"});
  for (const Json& host : document.at("hosts")) {
    char rtt[32], loss[32];
    std::snprintf(rtt, sizeof(rtt), "%.1f ms", host.at("min_rtt_us").get<double>() / 1000);
    std::snprintf(loss, sizeof(loss), "%.2f %%", host.at("loss_ppm").get<double>() / 10000);
    const Json& groups = host.at("control_group");
    table.Add({host.at("address").get<std::string>(),
               host.at("netns").at("name").get<std::string>(), rtt, loss, host.at("runs").dump(),
               host.at("best").is_null() ? "-" : host.at("best").get<std::string>(),
               Mbit(groups.at("default")), Mbit(groups.at("tuned")), GainText(host)});
  }
  return table.empty() ? "nothing was learned of any host so far\n" : table.Text(style);
}

}  // namespace bpftune::ctl
