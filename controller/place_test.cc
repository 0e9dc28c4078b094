// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/place.h"

#include <gtest/gtest.h>

#include <string>

#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

Description WithDevices() {
  Description out = SampleTuner();
  out.tunables[kWmem].name = "net.ipv4.neigh.*.unres_qlen_bytes";
  return out;
}

request About(uint16_t row, const std::string& device) {
  request out = {};
  out.netns = 4711;
  out.tuner = 3;
  out.tunable = row;
  device.copy(out.device, sizeof(out.device));
  return out;
}

TEST(PlaceTest, OfADeviceIsNamedAfterItAndHasItsKey) {
  const Description tuner = WithDevices();
  const request record = About(kWmem, "eth0.100");
  EXPECT_EQ("net.ipv4.neigh.eth0/100.unres_qlen_bytes", NameOf(tuner.tunables[kWmem], record));
  EXPECT_TRUE(NamesDevice(tuner.tunables[kWmem], record));
  EXPECT_NE(0U, KeyOf(tuner, record, kWmem).device);
  EXPECT_NE(KeyOf(tuner, record, kWmem).device, KeyOf(tuner, About(kWmem, "eth0"), kWmem).device);
}

TEST(PlaceTest, OfANamespaceHasNoDevice) {
  const Description tuner = WithDevices();
  const request record = About(kRmem, "eth0");  // or part of the address of a peer
  EXPECT_EQ("net.ipv4.tcp_rmem", NameOf(tuner.tunables[kRmem], record));
  EXPECT_EQ(0U, KeyOf(tuner, record, kRmem).device);
  EXPECT_EQ(0U, KeyOf(tuner, record, 4000).device) << "a row that is not described";
}

TEST(PlaceTest, DeviceThatCannotBeIsNone) {
  const Description tuner = WithDevices();
  for (const char* device : {"", ".", "..", "a b", "*"}) {
    EXPECT_FALSE(NamesDevice(tuner.tunables[kWmem], About(kWmem, device))) << device;
  }
}

TEST(PlaceTest, NameOfASysctlLeadsBackToItsDevice) {
  const Description tuner = WithDevices();
  for (const char* device : {"eth0", "eth0.100", "Wan@1", "0123456789abcde"}) {
    const request record = About(kWmem, device);
    request back = About(kWmem, "another");
    NameDevice(tuner.tunables[kWmem], NameOf(tuner.tunables[kWmem], record), &back);
    EXPECT_STREQ(device, back.device);
    EXPECT_EQ(tuner.tunables[kWmem].name, PatternOf(NameOf(tuner.tunables[kWmem], record)));
  }
}

// The watcher goes by the path alone: it must come to the id that the applier has from the name.
TEST(PlaceTest, PathOfASysctlHasTheIdOfItsDevice) {
  const auto path_of = [](const std::string& name) {
    watched_path path = {};
    for (size_t i = 0; i < name.size(); ++i) {
      watched_path_add(&path, name[i], static_cast<uint32_t>(i));
    }
    return path;
  };
  const watched_path path = path_of("net/ipv4/neigh/eth0.100/unres_qlen_bytes");
  EXPECT_EQ(device_id("eth0.100"), path.device);
  EXPECT_EQ(15U, path.device_at);
  const watched_path every = path_of("net/ipv4/neigh/*/unres_qlen_bytes");
  EXPECT_EQ(every.before, path.before);
  EXPECT_EQ(every.last, path.last);
  for (const char* other : {"net/ipv6/neigh/eth0/unres_qlen_bytes", "net/ipv4/neigh/eth0/locktime",
                            "net/ipv4/conf/eth0/unres_qlen_bytes", "net/unres_qlen_bytes"}) {
    const watched_path p = path_of(other);
    EXPECT_FALSE(p.before == path.before && p.last == path.last) << other;
  }
}

}  // namespace
}  // namespace bpftune
