// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/kept/layout.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <memory>

#include "bpf/common/state_abi.h"
#include "controller/bpf_handles.h"
#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};

// struct record { u32 a; u32 b[count]; }, with a change made to it; its layout.
struct Record {
  const char* name = "record";
  const char* second = "b";
  uint32_t second_bits = 32;  // its offset
  uint32_t count = 2;
  uint32_t size = 12;
  bool by_typedef = false;
};

Result<uint64_t> LayoutOfRecord(const Record& record) {
  const std::unique_ptr<btf, FreeBtf> types(btf__new_empty());
  const int number = btf__add_int(types.get(), "unsigned int", 4, 0);
  const int element = record.by_typedef ? btf__add_typedef(types.get(), "u32", number) : number;
  const int array = btf__add_array(types.get(), number, element, record.count);
  const int id = btf__add_struct(types.get(), record.name, record.size);
  btf__add_field(types.get(), "a", number, 0, 0);
  btf__add_field(types.get(), record.second, array, record.second_bits, 0);
  return LayoutOf(types.get(), static_cast<uint32_t>(id));
}

TEST(LayoutTest, IsTheSameForTheSameFieldsWhateverTheirTypesAreCalled) {
  const auto layout = LayoutOfRecord({});
  ASSERT_TRUE(layout);
  EXPECT_EQ(*layout, *LayoutOfRecord({.name = "other"}));
  EXPECT_EQ(*layout, *LayoutOfRecord({.by_typedef = true}));
}

TEST(LayoutTest, IsAnotherWhenAFieldMovesOrGrowsOrIsRenamed) {
  const auto layout = LayoutOfRecord({});
  ASSERT_TRUE(layout);
  EXPECT_NE(*layout, *LayoutOfRecord({.second = "c"}));
  EXPECT_NE(*layout, *LayoutOfRecord({.second_bits = 64, .size = 16}));
  EXPECT_NE(*layout, *LayoutOfRecord({.count = 1}));
  EXPECT_NE(*layout, *LayoutOfRecord({.size = 16}));
}

TEST(LayoutTest, ATypeWithoutEndIsRefused) {
  const std::unique_ptr<btf, FreeBtf> types(btf__new_empty());
  btf__add_struct(types.get(), "endless", 4);
  btf__add_field(types.get(), "itself", 1, 0, 0);
  EXPECT_FALSE(LayoutOf(types.get(), uint32_t{1}));
}

TEST(LayoutTest, ATypeThatIsMissingIsRefused) {
  const std::unique_ptr<btf, FreeBtf> types(btf__new_empty());
  EXPECT_FALSE(LayoutOf(types.get(), uint32_t{0}));
  EXPECT_FALSE(LayoutOf(types.get(), uint32_t{7}));
}

// What the numbers below stand for is pinned by one version and read by another. Where this fails,
// raise STATE_ABI_VERSION (state_abi.h) and put the new numbers here.
TEST(LayoutTest, PinnedRecordsHaveTheLayoutOfThisVersion) {
  auto object = OpenObject("testing/objects/ask.bpf.o");
  ASSERT_TRUE(object) << object.error().message();
  EXPECT_EQ(STATE_ABI_VERSION, 2);
  for (const auto& [map, layout] : {std::pair{MAP_OWNERS, 0xf4d73d49cdf33c9aULL},
                                    std::pair{MAP_PUBLISHED, 0x8246b84b9d7c14e2ULL}}) {
    const auto found =
        LayoutOf(bpf_object__btf(object->get()), bpf_object__find_map_by_name(object->get(), map));
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(*found, layout) << map << " 0x" << std::hex << *found;
  }
}

TEST(RowsTest, AreOthersWhenTheirOrderIsAnother) {
  const Description one = SampleTuner();
  Description other = one;
  EXPECT_EQ(RowsOf(one), RowsOf(other));
  std::swap(other.tunables[0], other.tunables[1]);
  EXPECT_NE(RowsOf(one), RowsOf(other));
  other = one;
  other.tunables[1].set = "another";
  EXPECT_NE(RowsOf(one), RowsOf(other));
}

}  // namespace
}  // namespace bpftune
