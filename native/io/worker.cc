#include "io/worker.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "io/clock.h"

namespace turnpike {

namespace {
// epoll data of the wake descriptor; ports have their place in the list.
constexpr uint32_t kWakeToken = 0xffffffff;
}  // namespace

Worker::Worker(const WorkerOptions& options)
    : options_(options),
      counters_(options.counters),
      forwarder_(tables_, options.index, options.first_sequence) {}

Worker::~Worker() {
  if (wake_fd_ >= 0) close(wake_fd_);
  if (epoll_fd_ >= 0) close(epoll_fd_);
}

Status Worker::Allocate() {
  Status status = tables_.flows.Allocate(options_.client_flows_max, options_.hash_key);
  if (status.ok()) status = tables_.sessions.Allocate(options_.sessions_max);
  if (status.ok()) {
    status = tables_.peers.Allocate(options_.trunk_peers_max, options_.hash_key, options_.traffic);
  }
  if (status.ok()) status = batch_.Allocate();
  if (status.ok()) status = commands_.Allocate();
  if (status.ok()) status = control_sends_.Allocate(kSendQueueBytes);
  if (status.ok()) status = punts_.Allocate(options_.punt_queue_bytes);
  if (!status.ok()) return status;

  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return Status::System("cannot create an epoll instance", errno);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return Status::System("cannot create an eventfd", errno);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = kWakeToken;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) == 0) return {};
  return Status::System("cannot watch an eventfd", errno);
}

Status Worker::AddSocket(Side side, UdpSocket socket) {
  std::vector<Port*>& of_side = by_side_[static_cast<size_t>(side)];
  auto port =
      std::make_unique<Port>(side, static_cast<uint16_t>(of_side.size()), std::move(socket));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = static_cast<uint32_t>(ports_.size());
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, port->socket.fd(), &event) != 0) {
    return Status::System("cannot watch a socket", errno);
  }
  of_side.push_back(port.get());
  ports_.push_back(std::move(port));
  return {};
}

void Worker::WakeIfAsleep() {
  // Against Poll: either it sees what was queued before this load, or we see it asleep.
  if (!asleep_.load(std::memory_order_seq_cst)) return;
  const uint64_t one = 1;
  // It fails only when the counter is full, and then the worker wakes anyway.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void Worker::Stop() {
  stop_.store(true, std::memory_order_seq_cst);
  WakeIfAsleep();
}

void Worker::Run() {
  while (!stop_.load(std::memory_order_relaxed)) {
    const Progress commands = ApplyCommands();
    const Progress sends = SendControl();
    const bool more = commands == Progress::kMore || sends == Progress::kMore;
    Poll(more ? 0 : sends == Progress::kHeld ? kBarrierPollMs : -1);
    for (const std::unique_ptr<Port>& port : ports_) {
      if (port->readable) Receive(*port);
    }
    if (std::exchange(punted_, false)) options_.notifier->Notify();
  }
  Finish();
}

void Worker::Finish() {
  // Peers that are told Closed need not wait for a timeout. A barrier of a worker that finishes too
  // is soon reached; the bound is for one that never ran.
  for (int held = 0; held < kFinishPollsMax;) {
    const Progress commands = ApplyCommands();
    const Progress sends = SendControl();
    if (commands == Progress::kDone && sends == Progress::kDone) return;
    if (commands == Progress::kMore || sends == Progress::kMore) continue;
    ++held;
    usleep(kBarrierPollMs * 1'000);
  }
}

void Worker::Poll(int timeout_ms) {
  if (readable_ports_ > 0) {
    if (++turns_since_poll_ < kTurnsBetweenPolls) return;
    timeout_ms = 0;
  }
  turns_since_poll_ = 0;
  if (timeout_ms != 0) {
    asleep_.store(true, std::memory_order_seq_cst);
    const bool held = timeout_ms > 0;
    if (stop_.load(std::memory_order_seq_cst) || !commands_.Empty() ||
        (!held && !control_sends_.Empty())) {
      timeout_ms = 0;
    }
  }
  epoll_event events[2 * kAddressesPerSideMax + 1];
  const int count = epoll_wait(epoll_fd_, events, static_cast<int>(std::size(events)), timeout_ms);
  asleep_.store(false, std::memory_order_relaxed);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u32 == kWakeToken) {
      uint64_t wakes;
      [[maybe_unused]] const ssize_t got = read(wake_fd_, &wakes, sizeof(wakes));
      continue;
    }
    Port& port = *ports_[events[i].data.u32];
    if (!std::exchange(port.readable, true)) ++readable_ports_;
  }
}

void Worker::Receive(Port& port) {
  const int count = batch_.Receive(port.socket, port.index);
  if (count < static_cast<int>(kBatchPackets)) {
    // Drained: epoll says when there is more.
    port.readable = false;
    --readable_ports_;
  }
  if (count < 0) counters_.Add(Counter::kReceiveErrors);
  if (count <= 0) return;
  uint64_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += batch_[i].length;
  const Now now = ReadClock();
  if (port.side == Side::kClient) {
    counters_.Add(Counter::kClientRxPackets, count);
    counters_.Add(Counter::kClientRxBytes, bytes);
    ForwardClientBatch(count, now);
  } else {
    counters_.Add(Counter::kTrunkRxPackets, count);
    counters_.Add(Counter::kTrunkRxBytes, bytes);
    ForwardTrunkBatch(count, now);
  }
  // What was forwarded lies in the packets, which the next receive overwrites.
  FlushSends();
}

void Worker::ForwardClientBatch(int count, const Now& now) {
  for (int i = 0; i < count; ++i) lookups_[i] = forwarder_.ClassifyClient(batch_[i]);
  for (int i = 0; i < count; ++i) {
    Outgoing out;
    const Verdict verdict = forwarder_.ForwardClient(batch_[i], lookups_[i], now, &out);
    if (verdict == Verdict::kClientPunted) {
      Punt(Side::kClient, batch_[i], verdict);
      continue;
    }
    counters_.Add(verdict);
    if (verdict == Verdict::kClientToTrunk || verdict == Verdict::kClientToClient) Queue(out);
  }
}

void Worker::ForwardTrunkBatch(int count, const Now& now) {
  for (int i = 0; i < count; ++i) {
    OpenedTrunk opened;
    Outgoing out;
    const Verdict verdict = forwarder_.OpenTrunk(batch_[i], now, &opened, &out);
    if (verdict == Verdict::kTrunkPunted) {
      Punt(Side::kTrunk, batch_[i], verdict);
      continue;
    }
    counters_.Add(verdict);
    if (verdict == Verdict::kTrunkData) {
      ForwardRecords(opened, now);
    } else if (verdict == Verdict::kTrunkProbe) {
      Queue(out);
    } else if (verdict == Verdict::kTrunkProbeReply) {
      ReportEvent(PuntKind::kProbeReply, opened.slot, opened.probe_number, opened.rtt_ns);
    }
  }
}

void Worker::ForwardRecords(OpenedTrunk& opened, const Now& now) {
  while (RecordHeader* record = opened.records.Next()) {
    Outgoing out;
    const Verdict verdict = forwarder_.ForwardRecord(opened, record, &out);
    counters_.Add(verdict);
    if (verdict == Verdict::kTrunkToClient) {
      Queue(out);
    } else if (tables_.peers.Get(opened.slot)->shared->TakeUnboundEvent(now.monotonic_ns)) {
      ReportEvent(PuntKind::kUnboundIndex, opened.slot, record->session_index.Get(), 0);
    }
  }
}

void Worker::Punt(Side side, const Packet& packet, Verdict verdict) {
  const bool known_relay =
      side == Side::kTrunk && tables_.peers.SlotOf(packet.tuple.remote) != nullptr;
  switch (punts_.PushDatagram(side, options_.index, packet, known_relay)) {
    case PuntResult::kQueued:
      counters_.Add(verdict);
      punted_ = true;
      break;
    case PuntResult::kFull:
      counters_.Add(Counter::kPuntQueueFull);
      break;
    case PuntResult::kOversize:
      counters_.Add(Counter::kPuntOversize);
      break;
  }
}

void Worker::ReportEvent(PuntKind kind, uint32_t slot, uint32_t number, uint64_t rtt_ns) {
  PuntedEvent event{};
  event.kind = kind;
  event.slot = slot;
  event.number = number;
  event.rtt_ns = rtt_ns;
  if (punts_.PushEvent(event)) {
    punted_ = true;
  } else {
    counters_.Add(Counter::kEventsDropped);
  }
}

void Worker::Queue(const Outgoing& outgoing) {
  SendBatch& sends = by_side_[static_cast<size_t>(outgoing.side)][outgoing.path.socket]->sends;
  if (sends.full()) sends.Flush(counters_);
  sends.Add(outgoing);
}

void Worker::FlushSends() {
  for (const std::unique_ptr<Port>& port : ports_) {
    if (!port->sends.empty()) port->sends.Flush(counters_);
  }
}

}  // namespace turnpike
