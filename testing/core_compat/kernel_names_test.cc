// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/core_compat/kernel_names.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace bpftune::testing {
namespace {

using Names = std::vector<std::string>;

constexpr const char* kKernel = "/sys/kernel/btf/vmlinux";
constexpr const char* kSample = "testing/core_compat/sample.bpf.o";

TEST(AbsentFromKernelTest, NamesWhatTheKernelLacksAndNothingThatIsOptional) {
  if (access(kKernel, R_OK) != 0) GTEST_SKIP() << "NOT RUN: no " << kKernel;
  const auto absent = AbsentFromKernel(kSample, kKernel);
  ASSERT_TRUE(absent) << absent.error().message();
  EXPECT_EQ(*absent, (Names{"invented_enum.INVENTED_VALUE", "invented_struct.member",
                            "sock.__sk_common.invented", "sock.invented_member"}));
}

TEST(AbsentFromKernelTest, FindsNothingAbsentInTheObjectItself) {
  const auto absent = AbsentFromKernel(kSample, kSample);
  ASSERT_TRUE(absent) << absent.error().message();
  EXPECT_EQ(*absent, Names());
}

TEST(AbsentFromKernelTest, FailsWithTheFilesName) {
  const auto absent = AbsentFromKernel("/nonexistent.bpf.o", kKernel);
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message().find("'/nonexistent.bpf.o'"), std::string::npos);
}

}  // namespace
}  // namespace bpftune::testing
