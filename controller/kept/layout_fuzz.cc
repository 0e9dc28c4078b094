// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// Any bytes for the types of an object, as far as libbpf takes them for that: a fingerprint of each
// comes to an end and is the same each time. The header and the length of the types are put right,
// so that what is behind them is reached.

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/btf.h>

#include <cstring>
#include <memory>
#include <string>

#include "controller/kept/layout.h"
#include "testing/fuzz.h"

namespace {

using namespace bpftune;

constexpr std::string_view kNames("\0a\0b\0record", 11);
constexpr uint32_t kMostTypes = 64;  // each is tried as the first

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};

std::string WithHeader(std::string_view types) {
  types = types.substr(0, types.size() / 4 * 4);
  btf_header header = {};
  header.magic = BTF_MAGIC;
  header.version = BTF_VERSION;
  header.hdr_len = sizeof(header);
  header.type_len = static_cast<__u32>(types.size());
  header.str_off = header.type_len;
  header.str_len = static_cast<__u32>(kNames.size() + 1);
  std::string out(sizeof(header), '\0');
  std::memcpy(out.data(), &header, sizeof(header));
  return out.append(types).append(kNames).append(1, '\0');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int kSilent = [] {
    libbpf_set_print(nullptr);
    return 0;
  }();
  (void)kSilent;
  const std::string bytes = WithHeader(FuzzInput(data, size).Rest());
  const std::unique_ptr<btf, FreeBtf> types(
      btf__new(bytes.data(), static_cast<__u32>(bytes.size())));
  if (!types) return 0;
  for (uint32_t type = 0; type < kMostTypes; ++type) {
    const auto layout = LayoutOf(types.get(), type);
    const auto again = LayoutOf(types.get(), type);
    Require(layout.has_value() == again.has_value());
    Require(!layout || *layout == *again);
    Require(!layout || (type != 0 && btf__type_by_id(types.get(), type) != nullptr));
  }
  return 0;
}
