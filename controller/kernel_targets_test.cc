// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kernel_targets.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <memory>

namespace bpftune {
namespace {

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};
using BtfPtr = std::unique_ptr<btf, FreeBtf>;

TEST(FindTargetTest, KnowsHowTheTypeIsCalledThatAProgramAttachesTo) {
  const BtfPtr kernel(btf__new_empty());
  const int number = btf__add_int(kernel.get(), "int", 4, BTF_INT_SIGNED);
  const int takes = btf__add_func_proto(kernel.get(), number);
  const auto iterator =
      static_cast<uint32_t>(btf__add_func(kernel.get(), "bpf_iter_tcp", BTF_FUNC_GLOBAL, takes));
  const auto function =
      static_cast<uint32_t>(btf__add_func(kernel.get(), "tcp_v4_connect", BTF_FUNC_GLOBAL, takes));
  const auto tracepoint =
      static_cast<uint32_t>(btf__add_typedef(kernel.get(), "btf_trace_kfree_skb", takes));

  EXPECT_EQ(FindTarget(kernel.get(), "iter/tcp"), iterator);
  EXPECT_EQ(FindTarget(kernel.get(), "fentry/tcp_v4_connect"), function);
  EXPECT_EQ(FindTarget(kernel.get(), "fexit/tcp_v4_connect"), function);
  EXPECT_EQ(FindTarget(kernel.get(), "tp_btf/kfree_skb"), tracepoint);
  for (const char* none : {"iter/udp", "tp_btf/tcp_v4_connect", "fentry/kfree_skb", "sockops",
                           "kprobe/tcp_v4_connect", "raw_tp/kfree_skb", ""}) {
    EXPECT_EQ(FindTarget(kernel.get(), none), std::nullopt) << none;
  }
}

TEST(FindKeptTargetTest, FindsTheNumberBesideTheSection) {
  const BtfPtr few(btf__new_empty());
  ASSERT_GT(btf__add_enum(few.get(), "another", 4), 0);
  ASSERT_EQ(btf__add_enum_value(few.get(), "iter/tcp", 7), 0);
  EXPECT_EQ(KeptTargets(few.get()), nullptr);
  EXPECT_EQ(FindKeptTarget(few.get(), "iter/tcp"), std::nullopt);

  ASSERT_GT(btf__add_enum(few.get(), "Linux version 5.10.0 (build)", 4), 0);
  ASSERT_EQ(btf__add_enum_value(few.get(), "iter/tcp", 64159), 0);
  ASSERT_EQ(btf__add_enum_value(few.get(), "tp_btf/kfree_skb", 38136), 0);
  EXPECT_EQ(FindKeptTarget(few.get(), "iter/tcp"), 64159U);
  EXPECT_EQ(FindKeptTarget(few.get(), "tp_btf/kfree_skb"), 38136U);
  EXPECT_EQ(FindKeptTarget(few.get(), "iter/udp"), std::nullopt);
}

}  // namespace
}  // namespace bpftune
