// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// One TCP connection that moves data in the background, with a record of what arrived when.
//
//   ASSERT_OK_AND_ASSIGN(BulkFlow flow, BulkFlow::Start(link.a(), link.b()));
//   flow.WaitUntil(5);
//   EXPECT_GT(flow.MbitPerSecond(3, 5), 900);

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "controller/result.h"
#include "testing/netns_harness/host.h"

namespace bpftune::testing {

struct BulkFlowOptions {
  // Of the sender, or of the listener its end comes from; empty: the system's default.
  std::string congestion_control = "cubic";
  Family family = Family::kIpv4;
  bool sender_accepts = false;    // the receiver connects; the sender's end comes from a listener
  int receive_buffer_bytes = 0;   // over 0: SO_RCVBUF of the receiver, which ends its autotuning
  int send_buffer_bytes = 0;      // over 0: SO_SNDBUF of the sender, likewise
  double reader_mbit = 0;         // over 0: the receiver reads no faster, on average over 100 ms
  uint64_t write_bytes = 0;       // over 0: the sender has this much to send ...
  double write_interval_ms = 20;  // ... every so often (application-limited)
  uint64_t total_bytes = 0;       // over 0: the flow ends by itself after so many bytes
  bool verify_payload = false;    // the receiver compares each byte with what was sent
};

// The sender as the kernel sees it (TCP_INFO, TCP_CONGESTION).
struct SenderState {
  std::string congestion_control;
  double srtt_ms = 0;
  double min_rtt_ms = 0;
  uint64_t segments_sent = 0;
  uint64_t segments_retransmitted = 0;
  uint64_t congestion_window = 0;  // segments
};

class BulkFlow {
 public:
  // Connects and starts sending. Time 0 is when the connection stands.
  static Result<BulkFlow> Start(const Endpoint& from, const Endpoint& to,
                                const BulkFlowOptions& options = {});

  BulkFlow(BulkFlow&&) noexcept;
  BulkFlow& operator=(BulkFlow&&) noexcept;
  ~BulkFlow();  // stops

  double age_s() const;
  void WaitUntil(double age_s) const;  // returns early when the flow has ended

  // What the receiving application read between two ages, to 100 ms; the part that has not yet come
  // to pass counts as 0. 10^6 bits a second, payload only.
  double MbitPerSecond(double from_s, double to_s) const;
  uint64_t bytes_received() const;
  uint64_t bytes_corrupt() const;  // with verify_payload

  void Pause();  // the sender writes nothing more until Resume; its buffer still drains
  void Resume();

  // With total_bytes: how many seconds it took until the receiver had everything.
  Result<double> WaitForCompletion(std::chrono::milliseconds timeout) const;

  Result<SenderState> Sender() const;
  // As the sending application may do at any time.
  Status SetCongestionControl(const std::string& algorithm);
  uint16_t sender_port() const;
  uint16_t receiver_port() const;

  // Ends the connection at once (reset); what is under way is lost. The record stays.
  void Stop();

 private:
  struct State;
  explicit BulkFlow(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace bpftune::testing
