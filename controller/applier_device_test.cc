// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//
// A tunable that each network device has: devices come and go, and their names come again.

#include <gtest/gtest.h>

#include <string>

#include "controller/fakes/applier_case.h"
#include "controller/place.h"

namespace bpftune {
namespace {

class DeviceTest : public ApplierCase {
 protected:
  DeviceTest() {
    devices_.tunables[kWmem] = {.name = "net.ipv4.neigh.*.unres_qlen_bytes",
                                .labels = "bytes",
                                .set = "queue",
                                .set_row = kWmem,
                                .values = 1,
                                .per_netns = true,
                                .min = 0,
                                .max = 1 << 24};
    actuator.hook = {};
    actuator.files[Of("eth0")] = One(212992);
    actuator.files[Of("eth1")] = One(212992);
  }

  static SysctlPlace Of(const std::string& device) {
    return {NetnsId{kBlue}, "net.ipv4.neigh." + device + ".unres_qlen_bytes"};
  }

  request About(const std::string& device, int64_t seen, int64_t wanted) const {
    request r = Raise();
    r.tunable = kWmem;
    r.mask = 1;
    r.seen[0] = seen;
    r.wanted[0] = wanted;
    device.copy(r.device, sizeof(r.device));
    return r;
  }

  void AskFor(const std::string& device, int64_t seen, int64_t wanted) {
    const request r = About(device, seen, wanted);
    state.asked[KeyOf(devices_, r, kWmem)] = {
        .time_ns = r.time_ns, .sequence = kSequence, .reserved = 0};
    applier.Apply(devices_, r);
    applier.Explain();
  }

  const Values& Limit(const std::string& device) { return actuator.files[Of(device)]; }
  state_key KeyOfDevice(const std::string& device) const {
    return KeyOf(devices_, About(device, 0, 0), kWmem);
  }

  Description devices_ = SampleTuner();
};

TEST_F(DeviceTest, IsChangedAndNamedByItself) {
  AskFor("eth0", 212992, 500000);
  EXPECT_EQ(One(500000), Limit("eth0"));
  EXPECT_EQ(One(212992), Limit("eth1"));
  EXPECT_EQ(1, log.Count("change net.ipv4.neigh.eth0.unres_qlen_bytes(bytes) from (212992) -> "));
}

TEST_F(DeviceTest, OfTheAdministratorStopsNoOther) {
  state.SeesForeignWrite(KeyOfDevice("eth0"), kWmem, One(300000), One(212992));
  AskFor("eth0", 212992, 500000);
  AskFor("eth1", 212992, 500000);
  EXPECT_EQ(One(212992), Limit("eth0"));
  EXPECT_EQ(One(500000), Limit("eth1"));
}

TEST_F(DeviceTest, ThatCannotBeIsADamagedRequest) {
  AskFor("..", 212992, 500000);
  EXPECT_TRUE(actuator.tried.empty());
  EXPECT_EQ(1, log.Count("for a device that cannot be"));
}

TEST_F(DeviceTest, MadeAnewUnderItsNameIsTunedAnew) {
  AskFor("eth0", 212992, 500000);
  actuator.files[Of("eth0")] = One(212992);
  AskFor("eth0", 212992, 600000);
  EXPECT_EQ(One(600000), Limit("eth0"));
  EXPECT_FALSE(IsOwned(state.Owner(KeyOfDevice("eth0"))));
}

TEST_F(DeviceTest, WithAnotherValueIsSomebodyElses) {
  AskFor("eth0", 212992, 500000);
  actuator.files[Of("eth0")] = One(400000);
  AskFor("eth0", 400000, 600000);
  EXPECT_EQ(One(400000), Limit("eth0"));
  EXPECT_TRUE(IsOwned(state.Owner(KeyOfDevice("eth0"))));
}

TEST_F(DeviceTest, ThatIsGoneIsForgotten) {
  AskFor("eth0", 212992, 500000);
  actuator.files.erase(Of("eth0"));
  AskFor("eth0", 500000, 400000);
  EXPECT_FALSE(state.written.contains(KeyOfDevice("eth0")));
  EXPECT_FALSE(state.owners.contains(KeyOfDevice("eth0")));
  EXPECT_EQ(1, log.Count("is not changed: the device is gone"));
}

}  // namespace
}  // namespace bpftune
