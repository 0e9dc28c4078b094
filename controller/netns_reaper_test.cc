// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/netns_reaper.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "controller/shared_maps.h"
#include "testing/netns_harness/expect.h"
#include "testing/privilege.h"

namespace bpftune {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

void SetBit(alive& set, uint64_t id) {
  for (const uint32_t bit : alive_place_of(id).bit) set.bits[bit / 64] |= uint64_t{1} << (bit % 64);
}

class NetnsReaperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    BPFTUNE_NEEDS_PRIVILEGE();
    ASSERT_OK_AND_ASSIGN(SharedMaps made, SharedMaps::Create(&pins_));
    maps_ = std::make_unique<SharedMaps>(std::move(made));
    reaper_ = std::make_unique<NetnsReaper>(
        NetnsReaper::Edges{.alive = maps_->fd(MAP_ALIVE),
                           .namespaces = maps_->fd(MAP_NAMESPACES),
                           .state_maps = [this] { return maps_->StateMaps(); },
                           .walk = [this] { return Walk(); }});
  }

  int fd() const { return maps_->fd(MAP_PUBLISHED); }

  static state_key Key(uint64_t netns, uint16_t row = 0) {
    return {.netns = netns, .tuner = 1, .row = row, .reserved = 0};
  }
  void Put(const state_key& key) const {
    const published nothing = {};
    ASSERT_EQ(0, bpf_map_update_elem(fd(), &key, &nothing, BPF_ANY));
  }
  // A program has met this namespace.
  void Meet(uint64_t netns) const {
    const state_key key = {.netns = netns, .tuner = 0, .row = 0, .reserved = 0};
    const netns_seen seen = {.first_ns = 1};
    (void)bpf_map_update_elem(maps_->fd(MAP_NAMESPACES), &key, &seen, BPF_NOEXIST);
  }
  bool Has(const state_key& key) const {
    published entry;
    return bpf_map_lookup_elem(fd(), &key, &entry) == 0;
  }

  // What the walk finds.
  Status Walk() {
    ++walks_;
    if (meanwhile_) meanwhile_();
    if (walk_error_ != 0) return Error(walk_error_, "walking");
    auto set = std::make_unique<alive>();
    for (const uint64_t id : living_) {
      SetBit(*set, id);
      Meet(id);
    }
    set->complete = complete_;
    const uint32_t first = 0;
    if (bpf_map_update_elem(maps_->fd(MAP_ALIVE), &first, set.get(), BPF_ANY) != 0)
      return Error::FromErrno("walking");
    return Ok();
  }

  Pins pins_;  // keeps nothing
  std::unique_ptr<SharedMaps> maps_;
  std::unique_ptr<NetnsReaper> reaper_;
  std::vector<uint64_t> living_;
  uint64_t complete_ = 1;
  int walk_error_ = 0;
  int walks_ = 0;
  std::function<void()> meanwhile_;
};

TEST_F(NetnsReaperTest, ForgetsTheDeadAndNobodyElse) {
  living_ = {7};
  for (const state_key& key : {Key(7), Key(7, 3), Key(8), Key(9, 3), Key(0)}) Put(key);
  ASSERT_OK_AND_ASSIGN(const size_t forgotten, reaper_->Run());
  EXPECT_EQ(2U, forgotten);
  EXPECT_TRUE(Has(Key(7)) && Has(Key(7, 3)));
  EXPECT_FALSE(Has(Key(8)) || Has(Key(9, 3)));
  EXPECT_TRUE(Has(Key(0))) << "what the whole kernel has once";
}

TEST_F(NetnsReaperTest, ForgetsThousands) {
  for (uint64_t id = 1; id <= STATE_MAX_ENTRIES; ++id) Put(Key(id));
  living_ = {4000};
  ASSERT_OK_AND_ASSIGN(const size_t forgotten, reaper_->Run());
  EXPECT_EQ(STATE_MAX_ENTRIES - 1U, forgotten);
  EXPECT_TRUE(Has(Key(4000)));
}

TEST_F(NetnsReaperTest, ADeadIdThatSharesABitWithALivingOneIsForgotten) {
  living_ = {7};
  for (const uint64_t id : {uint64_t{7}, uint64_t{7} + ALIVE_BITS}) Put(Key(id));
  ASSERT_OK_AND_ASSIGN(const size_t forgotten, reaper_->Run());
  EXPECT_EQ(1U, forgotten);
  EXPECT_TRUE(Has(Key(7)));
}

TEST_F(NetnsReaperTest, ForgetsNothingWhereItCannotBeSure) {
  Put(Key(8));
  complete_ = 0;
  auto incomplete = reaper_->Run();
  ASSERT_FALSE(incomplete);
  EXPECT_NE(incomplete.error().message().find("too many namespaces"), std::string::npos);
  complete_ = 1;
  walk_error_ = EIO;
  EXPECT_FALSE(reaper_->Run());
  EXPECT_TRUE(Has(Key(8)));
}

TEST_F(NetnsReaperTest, NamespaceBornDuringTheWalkIsKept) {
  Put(Key(8));
  meanwhile_ = [this] { Put(Key(9)); };  // after the walk has passed
  ASSERT_OK(reaper_->Run());
  EXPECT_TRUE(Has(Key(9)));
  EXPECT_FALSE(Has(Key(8)));
}

TEST_F(NetnsReaperTest, CountsWhatAppearsAndDisappears) {
  EXPECT_FALSE(reaper_->counts());
  living_ = {7, 8};
  ASSERT_OK(reaper_->Run());
  ASSERT_TRUE(reaper_->counts());
  EXPECT_EQ(0U, reaper_->counts()->appeared) << "these were there before";
  EXPECT_EQ(2U, reaper_->counts()->now);

  living_ = {8, 9};
  for (const uint64_t short_lived : {20, 21, 22}) Meet(short_lived);
  ASSERT_OK_AND_ASSIGN(const size_t forgotten, reaper_->Run());
  EXPECT_EQ(0U, forgotten) << "nothing was known of them but that they were there";
  EXPECT_EQ(4U, reaper_->counts()->appeared);
  EXPECT_EQ(4U, reaper_->counts()->disappeared);
  EXPECT_EQ(2U, reaper_->counts()->now);
}

TEST_F(NetnsReaperTest, CountsNothingWhereItCannotBeSure) {
  living_ = {7};
  ASSERT_OK(reaper_->Run());
  living_ = {};
  complete_ = 0;
  EXPECT_FALSE(reaper_->Run());
  EXPECT_EQ(0U, reaper_->counts()->disappeared);
  EXPECT_EQ(1U, reaper_->counts()->now);
}

TEST_F(NetnsReaperTest, ComesOnceAMinuteAndSoonerWhenMuchHappens) {
  Put(Key(8));
  living_ = {8};
  uint64_t now = 100 * kSecond;
  ASSERT_OK(reaper_->RunIfDue(now));
  EXPECT_EQ(1, walks_);
  ASSERT_OK(reaper_->RunIfDue(now += 59 * kSecond));
  EXPECT_EQ(1, walks_);
  ASSERT_OK(reaper_->RunIfDue(now += kSecond));
  EXPECT_EQ(2, walks_);

  for (size_t i = 0; i < NetnsReaper::kMany; ++i) reaper_->Noticed();
  ASSERT_OK(reaper_->RunIfDue(now));
  EXPECT_EQ(2, walks_);
  ASSERT_OK(reaper_->RunIfDue(now += 30 * kSecond));
  EXPECT_EQ(3, walks_);
  ASSERT_OK(reaper_->RunIfDue(now += 30 * kSecond));
  EXPECT_EQ(3, walks_) << "what was noticed has been looked at";
}

}  // namespace
}  // namespace bpftune
