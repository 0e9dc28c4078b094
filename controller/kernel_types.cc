// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kernel_types.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <iterator>

#include "controller/capabilities.h"
#include "controller/kernel_targets.h"

namespace bpftune {
namespace {

// Programs that attach to a type of the kernel.
struct Kind {
  const char* section;
  bpf_attach_type attach;
};
constexpr Kind kKinds[] = {
    {"iter+", BPF_TRACE_ITER},
    {"tp_btf+", BPF_TRACE_RAW_TP},
    {"fentry+", BPF_TRACE_FENTRY},
    {"fexit+", BPF_TRACE_FEXIT},
};

// What libbpf takes such a program for until it is loaded: one of type "tracing" makes it look for
// /sys/kernel/btf/vmlinux, and give up on the whole object.
constexpr bpf_prog_type kUntilLoaded = BPF_PROG_TYPE_RAW_TRACEPOINT;

int Prepare(bpf_program* program, bpf_prog_load_opts* options, long cookie) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): that is how libbpf hands it on
  const auto* types = reinterpret_cast<const KernelTypes*>(cookie);
  const auto target = types->TargetOf(bpf_program__section_name(program));
  if (!target) return -ESRCH;
  options->attach_btf_id = *target;
  return bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
}

// It has them only once something has been loaded.
void LoadAnything() {
  bpf_insn leave[2] = {};
  leave[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  leave[1].code = BPF_JMP | BPF_EXIT;
  const UniqueFd ignored(
      bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, nullptr, "GPL", leave, std::size(leave), nullptr));
}

Result<uint32_t> IdOfTypes() {
  const InForce may_ask({CAP_SYS_ADMIN});
  LoadAnything();
  for (__u32 id = 0; bpf_btf_get_next_id(id, &id) == 0;) {
    const UniqueFd fd(bpf_btf_get_fd_by_id(id));
    char name[16] = {};
    bpf_btf_info info = {};
    info.name = reinterpret_cast<uintptr_t>(name);
    info.name_len = sizeof(name);
    __u32 size = sizeof(info);
    if (fd && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0 && info.kernel_btf &&
        std::strcmp(name, "vmlinux") == 0) {
      return id;
    }
  }
  return Error("the kernel does not give out its types (before 5.11, or built without them)");
}

}  // namespace

void KernelTypes::Free::operator()(btf* types) const { btf__free(types); }

bool KernelTypes::AreGivenOut() { return IdOfTypes().has_value(); }

Result<std::unique_ptr<KernelTypes>> KernelTypes::Ask() {
  const InForce may_ask({CAP_SYS_ADMIN});
  const auto id = IdOfTypes();
  if (!id) return id.error();
  std::unique_ptr<KernelTypes> out(new KernelTypes);
  out->types_.reset(btf__load_from_kernel_by_id(*id));
  if (!out->types_) return Error::FromErrno("asking the kernel for its types");
  __u32 size = 0;
  const void* bytes = btf__raw_data(out->types_.get(), &size);
  out->file_ = UniqueFd(memfd_create("vmlinux", MFD_CLOEXEC));
  if (!out->file_ || write(out->file_.get(), bytes, size) != static_cast<ssize_t>(size)) {
    return Error::FromErrno("keeping the kernel's types");
  }
  out->path_ = "/proc/self/fd/" + std::to_string(out->file_.get());
  if (auto registered = out->Register(); !registered) return registered.error();
  return out;
}

Result<std::unique_ptr<KernelTypes>> KernelTypes::Read(const std::string& path) {
  std::unique_ptr<KernelTypes> out(new KernelTypes);
  out->types_.reset(btf__parse(path.c_str(), nullptr));
  if (!out->types_) return Error::FromErrno("reading the types in '" + path + "'");
  const btf_type* targets = KeptTargets(out->types_.get());
  if (targets) {
    const std::string of = btf__name_by_offset(out->types_.get(), targets->name_off);
    const auto running = RunningBanner();
    if (!running) return running.error();
    if (of != *running) return Error("'" + path + "' is of another kernel, '" + of + "'");
  }
  out->is_file_ = true;
  out->has_targets_ = targets != nullptr;
  out->path_ = path;
  if (auto registered = out->Register(); !registered) return registered.error();
  return out;
}

Status KernelTypes::Register() {
  for (size_t i = 0; i < std::size(kKinds); ++i) {
    LIBBPF_OPTS(libbpf_prog_handler_opts, options, .cookie = reinterpret_cast<long>(this),
                .prog_prepare_load_fn = Prepare);
    handlers_[i] =
        libbpf_register_prog_handler(kKinds[i].section, kUntilLoaded, kKinds[i].attach, &options);
    if (handlers_[i] < 0) {
      return Error(handlers_[i], std::string("telling libbpf of '") + kKinds[i].section + "'");
    }
  }
  return Ok();
}

KernelTypes::~KernelTypes() {
  for (const int handler : handlers_) {
    if (handler > 0) (void)libbpf_unregister_prog_handler(handler);
  }
}

std::optional<uint32_t> KernelTypes::TargetOf(const std::string& section) const {
  return is_file_ ? FindKeptTarget(types_.get(), section) : FindTarget(types_.get(), section);
}

}  // namespace bpftune
