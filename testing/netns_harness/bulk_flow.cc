// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/netns_harness/bulk_flow.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "testing/netns_harness/sockets.h"
#include "testing/netns_harness/traffic.h"

namespace bpftune::testing {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr double kBucketsPerSecond = 10;
constexpr size_t kChunkBytes = 128 << 10;
constexpr size_t kSlowReaderChunkBytes = 16 << 10;
// How much lost time a slow reader makes up for, so that a busy machine does not slow it further.
constexpr std::chrono::milliseconds kCatchUp{100};

// A flow's speed must not depend on who else wants the CPU. For threads, "process" means the one
// that asks; without the privilege it stays as it is.
void PreferThisThread() { (void)setpriority(PRIO_PROCESS, 0, -15); }

// Bytes without a pattern, of a length that is no power of two, so that data at a wrong place
// shows.
class Payload {
 public:
  static const Payload& Get() {
    static const Payload payload;
    return payload;
  }
  static constexpr uint64_t kPeriod = 1'000'003;

  // What a stream of this payload has at `offset`, at least kChunkBytes of it.
  const uint8_t* At(uint64_t offset) const { return bytes_.data() + offset % kPeriod; }

 private:
  Payload() : bytes_(kPeriod + kChunkBytes) {
    uint32_t x = 1;
    for (size_t i = 0; i < bytes_.size(); i++) {
      x = x * 1664525 + 1013904223;  // Numerical Recipes' "quick and dirty" generator
      bytes_[i] = i < kPeriod ? static_cast<uint8_t>(x >> 24) : bytes_[i - kPeriod];
    }
  }
  std::vector<uint8_t> bytes_;
};

uint64_t CountDifferences(const uint8_t* a, const uint8_t* b, size_t bytes) {
  if (std::memcmp(a, b, bytes) == 0) return 0;
  uint64_t count = 0;
  for (size_t i = 0; i < bytes; i++) count += a[i] != b[i];
  return count;
}

}  // namespace

struct BulkFlow::State {
  State(TcpConnection connected, const BulkFlowOptions& flow_options)
      : options(flow_options), connection(std::move(connected)) {}
  ~State() { Stop(); }

  void Send();
  void Receive();
  void Record(size_t bytes);
  void End();  // by itself: everything was received, or the connection broke
  void Stop();

  // Waits for the socket, or for a time; false when the flow is to stop.
  bool WaitUntilReady(int socket, short events, std::optional<Clock::time_point> until);
  bool WaitWhilePaused();

  const BulkFlowOptions options;
  TcpConnection connection;
  uint16_t sender_port = 0;
  uint16_t receiver_port = 0;
  UniqueFd stop_event{eventfd(0, EFD_CLOEXEC)};
  const Clock::time_point start = Clock::now();

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<uint64_t> bytes_by_bucket;
  std::optional<Clock::time_point> ended;
  bool is_paused = false;
  bool is_stopping = false;
  std::atomic<uint64_t> received = 0;
  std::atomic<uint64_t> corrupt = 0;

  std::thread sender;
  std::thread receiver;
};

bool BulkFlow::State::WaitUntilReady(int socket, short events,
                                     std::optional<Clock::time_point> until) {
  auto left = until ? std::max(*until - Clock::now(), Clock::duration::zero()) : Clock::duration();
  auto ns = std::chrono::nanoseconds(left).count();
  timespec timeout{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  pollfd waiting[] = {{stop_event.get(), POLLIN, 0}, {socket, events, 0}};
  ppoll(waiting, socket >= 0 ? 2 : 1, until ? &timeout : nullptr, nullptr);
  return waiting[0].revents == 0;
}

bool BulkFlow::State::WaitWhilePaused() {
  std::unique_lock lock(mutex);
  changed.wait(lock, [this] { return !is_paused || is_stopping; });
  return !is_stopping;
}

void BulkFlow::State::Send() {
  const Payload& payload = Payload::Get();
  const uint64_t total = options.total_bytes > 0 ? options.total_bytes : UINT64_MAX;
  const auto interval =
      std::chrono::duration_cast<Clock::duration>(Seconds(options.write_interval_ms / 1000));
  uint64_t allowed = options.write_bytes > 0 ? options.write_bytes : UINT64_MAX;
  Clock::time_point next_write = start + interval;
  uint64_t sent = 0;
  while (sent < total && WaitWhilePaused()) {
    if (sent >= allowed) {
      if (!WaitUntilReady(-1, 0, next_write)) return;
      allowed = sent + options.write_bytes;
      next_write = std::max(next_write + interval, Clock::now());
    }
    // One write each time the socket is writable, as iperf3 does. To write until EAGAIN is another
    // application: TCP then takes data beyond the send buffer, as much as the congestion window
    // lets out at once, because the last segment of the queue always has room.
    if (!WaitUntilReady(connection.from.get(), POLLOUT, std::nullopt)) return;
    size_t chunk = std::min<uint64_t>(std::min(allowed, total) - sent, kChunkBytes);
    ssize_t n = send(connection.from.get(), payload.At(sent), chunk, MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<uint64_t>(n);
    if (n < 0 && errno != EAGAIN) return;
  }
  shutdown(connection.from.get(), SHUT_WR);
}

void BulkFlow::State::Receive() {
  const Payload& payload = Payload::Get();
  const bool is_slow = options.reader_mbit > 0;
  const size_t chunk = is_slow ? kSlowReaderChunkBytes : kChunkBytes;
  // TCP throws data away instead of copying it when asked with MSG_TRUNC.
  const int flags = options.verify_payload ? 0 : MSG_TRUNC;
  std::vector<uint8_t> buffer(chunk);
  Clock::time_point next_read = start;
  while (WaitUntilReady(connection.to.get(), POLLIN, std::nullopt)) {
    ssize_t n = recv(connection.to.get(), buffer.data(), chunk, flags);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0) return End();
    auto bytes = static_cast<size_t>(n);
    if (options.verify_payload) {
      corrupt += CountDifferences(buffer.data(), payload.At(received), bytes);
    }
    Record(bytes);
    if (!is_slow) continue;
    Seconds takes(static_cast<double>(bytes) * 8 / (options.reader_mbit * 1e6));
    next_read = std::max(next_read, Clock::now() - kCatchUp) +
                std::chrono::duration_cast<Clock::duration>(takes);
    if (!WaitUntilReady(-1, 0, next_read)) return;
  }
}

void BulkFlow::State::Record(size_t bytes) {
  std::lock_guard lock(mutex);
  auto bucket = static_cast<size_t>(Seconds(Clock::now() - start).count() * kBucketsPerSecond);
  if (bucket >= bytes_by_bucket.size()) bytes_by_bucket.resize(bucket + 1);
  bytes_by_bucket[bucket] += bytes;
  received += bytes;
}

void BulkFlow::State::End() {
  std::lock_guard lock(mutex);
  ended = Clock::now();
  changed.notify_all();
}

void BulkFlow::State::Stop() {
  {
    std::lock_guard lock(mutex);
    is_stopping = true;
    if (!ended) ended = Clock::now();
    changed.notify_all();
  }
  eventfd_write(stop_event.get(), 1);
  if (sender.joinable()) sender.join();
  if (receiver.joinable()) receiver.join();
  linger at_once{1, 0};
  for (UniqueFd* end : {&connection.from, &connection.to}) {
    setsockopt(end->get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    end->reset();
  }
}

Result<BulkFlow> BulkFlow::Start(const Endpoint& from, const Endpoint& to,
                                 const BulkFlowOptions& options) {
  auto connection = Connect(options.sender_accepts ? to : from, options.sender_accepts ? from : to,
                            {.family = options.family,
                             .congestion_control = options.congestion_control,
                             .receive_buffer_bytes = options.receive_buffer_bytes,
                             .send_buffer_bytes = options.send_buffer_bytes});
  if (!connection) return connection.error().Within("starting a bulk flow");
  if (options.sender_accepts) std::swap(connection->from, connection->to);
  auto sender_address = LocalAddress(connection->from.get());
  auto receiver_address = LocalAddress(connection->to.get());
  if (!sender_address) return sender_address.error();
  if (!receiver_address) return receiver_address.error();

  auto state = std::make_unique<State>(std::move(*connection), options);
  if (!state->stop_event) return Error::FromErrno("making an event descriptor");
  state->sender_port = sender_address->port();
  state->receiver_port = receiver_address->port();
  state->sender = std::thread([s = state.get()] {
    PreferThisThread();
    s->Send();
  });
  state->receiver = std::thread([s = state.get()] {
    PreferThisThread();
    s->Receive();
  });
  return BulkFlow(std::move(state));
}

BulkFlow::BulkFlow(std::unique_ptr<State> state) : state_(std::move(state)) {}
BulkFlow::BulkFlow(BulkFlow&&) noexcept = default;
BulkFlow& BulkFlow::operator=(BulkFlow&&) noexcept = default;
BulkFlow::~BulkFlow() = default;

double BulkFlow::age_s() const { return Seconds(Clock::now() - state_->start).count(); }

void BulkFlow::WaitUntil(double age_s) const {
  std::unique_lock lock(state_->mutex);
  auto until = state_->start + std::chrono::duration_cast<Clock::duration>(Seconds(age_s));
  state_->changed.wait_until(lock, until, [this] { return state_->ended.has_value(); });
}

double BulkFlow::MbitPerSecond(double from_s, double to_s) const {
  auto first = static_cast<size_t>(std::llround(std::max(from_s, 0.0) * kBucketsPerSecond));
  auto last = static_cast<size_t>(std::llround(std::max(to_s, 0.0) * kBucketsPerSecond));
  if (last <= first) return 0;
  std::lock_guard lock(state_->mutex);
  uint64_t bytes = 0;
  for (size_t i = first; i < std::min(last, state_->bytes_by_bucket.size()); i++) {
    bytes += state_->bytes_by_bucket[i];
  }
  return static_cast<double>(bytes) * 8 / 1e6 /
         (static_cast<double>(last - first) / kBucketsPerSecond);
}

uint64_t BulkFlow::bytes_received() const { return state_->received; }
uint64_t BulkFlow::bytes_corrupt() const { return state_->corrupt; }
uint16_t BulkFlow::sender_port() const { return state_->sender_port; }
uint16_t BulkFlow::receiver_port() const { return state_->receiver_port; }

void BulkFlow::Pause() {
  std::lock_guard lock(state_->mutex);
  state_->is_paused = true;
}

void BulkFlow::Resume() {
  std::lock_guard lock(state_->mutex);
  state_->is_paused = false;
  state_->changed.notify_all();
}

Result<double> BulkFlow::WaitForCompletion(std::chrono::milliseconds timeout) const {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, timeout, [this] { return state_->ended.has_value(); });
  uint64_t total = state_->options.total_bytes;
  const std::optional<Clock::time_point> ended = state_->ended;
  if (!ended || state_->received != total) {
    return Error("bulk flow: received " + std::to_string(state_->received) + " of " +
                 std::to_string(total) + " bytes");
  }
  return Seconds(*ended - state_->start).count();
}

Result<SenderState> BulkFlow::Sender() const {
  int socket = state_->connection.from.get();
  char algorithm[16] = "";
  socklen_t length = sizeof algorithm;
  if (getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, algorithm, &length) != 0) {
    return Error::FromErrno("asking for the congestion control of a bulk flow");
  }
  tcp_info info{};
  length = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
    return Error::FromErrno("asking for the state of a bulk flow");
  }
  return SenderState{
      .congestion_control = std::string(algorithm, strnlen(algorithm, sizeof algorithm)),
      .srtt_ms = info.tcpi_rtt / 1e3,
      .min_rtt_ms = info.tcpi_min_rtt / 1e3,
      .segments_sent = info.tcpi_data_segs_out,
      .segments_retransmitted = info.tcpi_total_retrans,
      .congestion_window = info.tcpi_snd_cwnd,
  };
}

Status BulkFlow::SetCongestionControl(const std::string& algorithm) {
  if (setsockopt(state_->connection.from.get(), IPPROTO_TCP, TCP_CONGESTION, algorithm.data(),
                 static_cast<socklen_t>(algorithm.size())) != 0) {
    return Error::FromErrno("choosing congestion control '" + algorithm + "'");
  }
  return Ok();
}

void BulkFlow::Stop() { state_->Stop(); }

}  // namespace bpftune::testing
