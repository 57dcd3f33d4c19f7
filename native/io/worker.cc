#include "io/worker.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "io/clock.h"

namespace turnpike {

namespace {
// Maximum number of events per epoll_wait. Others are reported by the next call.
constexpr int kPollEvents = 64;

// Maximum number of known clients without a flow.
constexpr uint32_t kKnownClientsBeside = 8'192;
// Bytes of control datagrams waiting in one worker.
constexpr uint32_t kSendQueueBytes = 1u << 20;
// Socket reads per turn, which bounds the delay of commands.
constexpr uint32_t kReceivesPerTurn = 64;
// Turns that read known readable sockets before epoll is called again.
constexpr uint32_t kTurnsBetweenPolls = 8;
// Maximum sleep in ms while a control datagram waits for another worker.
constexpr int kBarrierPollMs = 1;
// Maximum number of such sleeps after Stop.
constexpr int kFinishPollsMax = 200;
}  // namespace

Worker::Worker(const WorkerOptions& options)
    : options_(options),
      counters_(options.counters),
      authenticator_(options.index, options.initial_sequence),
      path_probe_authenticator_(static_cast<uint8_t>(kProbeLaneFirst + options.index),
                                options.initial_sequence),
      forwarder_(tables_, authenticator_, path_probe_authenticator_),
      allocation_forwarder_(tables_),
      bundler_(authenticator_),
      coalescer_(uint64_t{options.coalescing_us} * kNsPerUs) {}

Worker::~Worker() {
  if (wake_fd_ >= 0) close(wake_fd_);
  if (epoll_fd_ >= 0) close(epoll_fd_);
}

Status Worker::Allocate() {
  tables_.session_traffic = options_.session_traffic;
  tables_.buckets = options_.buckets;
  Status status = tables_.flows.Allocate(options_.client_flows_max, options_.hash_key);
  if (status.ok())
    status =
        known_clients_.Allocate(options_.client_flows_max + kKnownClientsBeside, options_.hash_key);
  if (status.ok()) status = tables_.sessions.Allocate(options_.sessions_max);
  if (status.ok()) {
    status =
        tables_.relays.Allocate(options_.remote_relays_max, options_.hash_key, options_.traffic);
  }
  if (status.ok()) status = bundler_.Allocate(options_.remote_relays_max, options_.trunk_mtu_bytes);
  if (status.ok()) {
    status = closed_indications_.Allocate(options_.hash_key, options_.closed_indications_per_second,
                                          options_.relay_hosts);
  }
  if (status.ok()) status = allocation_forwarder_.Allocate();
  if (status.ok()) status = early_.Allocate();
  if (status.ok()) status = batch_.Allocate();
  if (status.ok()) status = commands_.Allocate();
  if (status.ok()) status = control_sends_.Allocate(kSendQueueBytes);
  if (status.ok()) status = punts_.Allocate(options_.punt_queue_bytes, options_.hash_key);
  if (status.ok()) status = reports_.Allocate();
  handed_over_ = std::make_unique<ByteRing[]>(options_.workers);
  for (uint8_t i = 0; i < options_.workers && status.ok(); ++i) {
    if (i != options_.index) status = handed_over_[i].Allocate(kHandOverBytes);
  }
  if (status.ok()) status = unregistered_.Allocate(kUnregisteredAddresses);
  if (!status.ok()) return status;

  endpoints_.resize(TransportHandle::kListeners + kEndpointsPerWorkerMax);
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return Status::System("cannot create an epoll instance", errno);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return Status::System("cannot create an eventfd", errno);
  if (Watch(wake_fd_, nullptr)) return {};
  return Status::System("cannot watch an eventfd", errno);
}

Status Worker::AddListener(TransportHandle handle, UdpSocket socket) {
  auto& slot = endpoints_[handle.id()];
  slot = std::make_unique<Endpoint>(handle, handle.side(), std::move(socket));
  return Watch(*slot) ? Status{} : Status::System("cannot watch a socket", errno);
}

Status Worker::AddLane(TransportHandle trunk, UdpSocket socket) {
  lanes_.push_back(std::make_unique<Endpoint>(trunk, Side::kTrunk, std::move(socket)));
  Endpoint& lane = *lanes_.back();
  lane.is_lane = true;
  EndpointOf(trunk)->lane = &lane;
  return Watch(lane) ? Status{} : Status::System("cannot watch a socket", errno);
}

bool Worker::Watch(int fd, void* pointer) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = pointer;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Worker::WakeIfAsleep() {
  // Pairs with the store before the sleep: either the worker sees what was queued before this load,
  // or this thread sees the worker asleep.
  if (!asleep_.load(std::memory_order_seq_cst)) return;
  const uint64_t one = 1;
  // The write fails only when the counter is full, and then the worker wakes anyway.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void Worker::Stop() {
  stop_.store(true, std::memory_order_seq_cst);
  WakeIfAsleep();
}

void Worker::Run() {
  // Pauses are shorter than the default timer slack.
  prctl(PR_SET_TIMERSLACK, 1);
  Progress progress = Progress::kMore;
  while (!stop_.load(std::memory_order_relaxed)) {
    Wait(progress);
    progress = ServeQueues();
    for (size_t left = std::min<size_t>(readable_.size(), kReceivesPerTurn); left > 0; --left) {
      Receive(readable_.TakeFirst());
    }
    paused_since_ns_ = 0;
    NotifyIfDue();
  }
  Finish();
}

Worker::Progress Worker::ServeQueues() {
  const Progress commands = ApplyCommands();
  const Progress sends = SendControl();
  const Progress handed_over = SendHandedOver();
  if (!ended_.empty()) ReportEnded();
  if (!early_.empty()) [[unlikely]]
    ServeEarlyData(ReadClock());
  NotifyIfDue();
  const bool more =
      commands == Progress::kMore || sends == Progress::kMore || handed_over == Progress::kMore;
  return more ? Progress::kMore : sends;
}

void Worker::NotifyIfDue() {
  if (std::exchange(punted_, false)) options_.notifier->Notify();
}

void Worker::Finish() {
  CloseBundles();
  FlushSends();
  while (SendHandedOver() == Progress::kMore) {
  }
  // Sends the remaining control datagrams, so that peers receive Closed instead of waiting for a
  // timeout. The bound covers a barrier of a worker that never ran.
  for (int held = 0; held < kFinishPollsMax;) {
    const Progress commands = ApplyCommands();
    const Progress sends = SendControl();
    if (commands == Progress::kDone && sends == Progress::kDone) return;
    if (commands == Progress::kMore || sends == Progress::kMore) continue;
    ++held;
    usleep(kBarrierPollMs * 1'000);
  }
}

void Worker::Wait(Progress progress) {
  const bool held = progress == Progress::kHeld || !ended_.empty();
  int timeout_ms = held ? kBarrierPollMs : EarlyDataDueMs();
  if (progress == Progress::kMore) timeout_ms = 0;
  if (readable_.size() > 0) {
    if (++turns_since_poll_ < kTurnsBetweenPolls) return;
    timeout_ms = 0;
  }
  turns_since_poll_ = 0;
  if (timeout_ms == 0) {
    PollOnce(0);
    return;
  }
  if (const uint64_t messages = std::exchange(messages_since_empty_, 0); messages > 0) {
    coalescer_.Count(static_cast<uint32_t>(messages), ReadClock().monotonic_ns);
  }
  if (const uint64_t pause_ns = coalescer_.TakePause(); pause_ns > 0) {
    Pause(pause_ns);
    return;
  }
  if (options_.busy_poll_us > 0 && SpinUntilReadable()) return;
  Sleep(timeout_ms, held);
}

void Worker::Pause(uint64_t pause_ns) {
  paused_since_ns_ = ReadClock().monotonic_ns;
  // This thread blocks signals, so nothing interrupts the pause. Commands queued meanwhile wait no
  // longer than packets do.
  const timespec pause{0, static_cast<long>(pause_ns)};
  nanosleep(&pause, nullptr);
  counters_.Add(Counter::kCoalescingPauses);
  PollOnce(0);
}

bool Worker::SpinUntilReadable() {
  const uint64_t end_ns = ReadClock().monotonic_ns + options_.busy_poll_us * kNsPerUs;
  do {
    if (PollOnce(0) || !commands_.Empty() || !control_sends_.Empty()) return true;
    if (handed_over_by_.load(std::memory_order_relaxed) != 0) return true;
  } while (ReadClock().monotonic_ns < end_ns && !stop_.load(std::memory_order_relaxed));
  return false;
}

void Worker::Sleep(int timeout_ms, bool held) {
  asleep_.store(true, std::memory_order_seq_cst);
  if (stop_.load(std::memory_order_seq_cst) || !commands_.Empty() ||
      handed_over_by_.load(std::memory_order_seq_cst) != 0 || (!held && !control_sends_.Empty())) {
    timeout_ms = 0;
  }
  PollOnce(timeout_ms);
  asleep_.store(false, std::memory_order_relaxed);
}

bool Worker::PollOnce(int timeout_ms) {
  epoll_event events[kPollEvents];
  const int count = epoll_wait(epoll_fd_, events, kPollEvents, timeout_ms);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.ptr == nullptr) {
      uint64_t wakes;
      [[maybe_unused]] const ssize_t got = read(wake_fd_, &wakes, sizeof(wakes));
      continue;
    }
    if (const IcmpSocket* const icmp = IcmpSocketOf(events[i].data.ptr)) [[unlikely]] {
      TakeIcmpErrors(*icmp);
      continue;
    }
    Endpoint& endpoint = *static_cast<Endpoint*>(events[i].data.ptr);
    if ((events[i].events & ~EPOLLIN) != 0 && endpoint.socket.reports_errors()) [[unlikely]] {
      HandleTrouble(endpoint, events[i].events);
      if (endpoint.ended_with != 0) continue;
    }
    // Also after an error without data: only a receive clears an error that is not in the error
    // queue, and epoll would report it again at once.
    readable_.Add(endpoint);
  }
  return readable_.size() > 0;
}

}  // namespace turnpike
