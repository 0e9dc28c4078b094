// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/firing.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>

#include "controller/capabilities.h"

namespace bpftune {
namespace {

// A probe is left out when its CPU is in the middle of other BPF (bpf_prog_active).
constexpr int kAttempts = 3;

// What a connection that is refused comes by for sure; and a packet that is freed unread.
constexpr std::string_view kCalledByConnect[] = {"tcp_connect", "tcp_v4_connect"};
constexpr std::string_view kTracedByConnect[] = {"inet_sock_set_state", "tcp_destroy_sock"};
constexpr std::string_view kTracedByDrop[] = {"kfree_skb"};

bool Has(const auto& names, std::string_view name) {
  return std::ranges::find(names, name) != std::end(names);
}

// Each does it, or returns false.
bool ReadOne() {
  const UniqueFd file(open("/proc/sys/kernel/ostype", O_RDONLY | O_CLOEXEC));
  char text[16];
  return file && read(file.get(), text, sizeof(text)) > 0;
}

bool Connect() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in nobody = {};
  nobody.sin_family = AF_INET;
  nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!socket) return false;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets interface
  const int err = connect(socket.get(), reinterpret_cast<sockaddr*>(&nobody), sizeof(nobody));
  return err != 0 && (errno == EINPROGRESS || errno == ECONNREFUSED);
}

bool SetOption() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int off = 0;
  return socket && setsockopt(socket.get(), SOL_SOCKET, SO_BROADCAST, &off, sizeof(off)) == 0;
}

bool Drop() {
  int both[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, both) != 0) return false;
  const UniqueFd from(both[0]), to(both[1]);
  return send(from.get(), "", 1, 0) == 1;
}

bool Do(Cause cause) {
  switch (cause) {
    case Cause::kNone:
      return false;
    case Cause::kRead:
      return ReadOne();
    case Cause::kConnect:
      return Connect();
    case Cause::kSetOption:
      return SetOption();
    case Cause::kDrop:
      return Drop();
  }
  return false;
}

// Nothing where the kernel does not say.
std::optional<uint64_t> Runs(const bpf_program* program) {
  bpf_prog_info info = {};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0) return std::nullopt;
  return info.run_cnt;
}

}  // namespace

Cause CauseOf(std::string_view section) {
  if (section == "cgroup/sysctl") return Cause::kRead;
  if (section == "cgroup/setsockopt") return Cause::kSetOption;
  if (section == "sockops") return Cause::kConnect;
  const std::string_view kind = section.substr(0, section.find('/'));
  const std::string_view target = section.substr(std::min(kind.size() + 1, section.size()));
  if (IsOnFunction(section)) return Has(kCalledByConnect, target) ? Cause::kConnect : Cause::kNone;
  if (kind != "tp_btf" && kind != "raw_tp") return Cause::kNone;
  if (Has(kTracedByConnect, target)) return Cause::kConnect;
  return Has(kTracedByDrop, target) ? Cause::kDrop : Cause::kNone;
}

bool IsOnFunction(std::string_view section) {
  constexpr std::string_view kKinds[] = {"fentry", "fexit", "kprobe", "kretprobe"};
  return Has(kKinds, section.substr(0, section.find('/')));
}

bool IsBelowCgroupRoot(std::string_view proc_self_cgroup) {
  // "0::PATH" is version 2; a path that leaves the root begins with "/..".
  size_t line = 0;
  while (line < proc_self_cgroup.size()) {
    const std::string_view rest = proc_self_cgroup.substr(line);
    if (rest.starts_with("0::")) return !rest.starts_with("0::/..");
    const size_t end = rest.find('\n');
    line = end == rest.npos ? proc_self_cgroup.size() : line + end + 1;
  }
  return true;
}

RunCounting::RunCounting() {
  const InForce may_count({CAP_SYS_ADMIN});
  fd_ = UniqueFd(bpf_enable_stats(BPF_STATS_RUN_TIME));
}

std::vector<Firing> TryFiring(const std::vector<const bpf_program*>& programs) {
  std::vector<Firing> out(programs.size(), Firing::kCouldNotTell);
  std::vector<Cause> causes;
  std::ranges::transform(programs, std::back_inserter(causes), [](const bpf_program* program) {
    return CauseOf(bpf_program__section_name(program));
  });
  if (std::ranges::all_of(causes, [](Cause cause) { return cause == Cause::kNone; })) return out;
  const RunCounting counting;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<std::optional<uint64_t>> before;
    std::ranges::transform(programs, std::back_inserter(before), Runs);
    std::set<Cause> done;
    for (const Cause cause : std::set<Cause>(causes.begin(), causes.end())) {
      if (Do(cause)) done.insert(cause);
    }
    for (size_t i = 0; i < programs.size(); ++i) {
      const std::optional<uint64_t> was = before[i], is = Runs(programs[i]);
      if (out[i] == Firing::kFires || !was || !is) continue;
      if (*is > *was) {
        out[i] = Firing::kFires;
      } else if (counting && done.contains(causes[i])) {
        out[i] = Firing::kSilent;
      }
    }
    if (std::ranges::find(out, Firing::kSilent) == out.end()) break;
  }
  return out;
}

}  // namespace bpftune
