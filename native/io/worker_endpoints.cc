// The part of Worker that opens and closes endpoints, reports their sockets' ICMP errors, and
// passes datagrams between workers.
#include <errno.h>
#include <sys/epoll.h>

#include <bit>
#include <cstring>

#include "io/clock.h"
#include "io/worker.h"

namespace turnpike {

namespace {

// Maximum reported ICMP errors per second: of one endpoint, and of all endpoints of a worker.
constexpr uint32_t kIcmpErrorsPerSecond = 10;
constexpr uint32_t kIcmpErrorsOfWorkerPerSecond = 500;
// Errors of one socket handled before the other sockets are served.
constexpr uint32_t kErrorsPerLook = 16;
// Maximum number of receive calls per turn that return an error.
constexpr uint32_t kReceivesAfterErrors = 3;
// Datagrams of one other worker sent per turn: as many messages as a turn reads from the sockets,
// so that neither starves the other.
constexpr uint32_t kHandedOverPerTurn = 4'096;
// After so many the other worker gets their room back.
constexpr uint32_t kHandedOverAtOnce = kSendBatchDatagrams;

// Returns whether an errno of a receive call means that the socket has failed permanently. ICMP
// errors have other numbers.
bool IsFatal(int error_number) {
  return error_number == ECONNABORTED || error_number == EBADF || error_number == ENOTSOCK;
}

}  // namespace

void Worker::OpenEndpoint(const Command& command) {
  const TransportHandle handle = command.endpoint.handle;
  EndpointReport report{};
  report.kind = PuntKind::kEndpointOpened;
  report.handle = handle.ToNumber();
  UdpSocket socket;
  Status status = socket.OpenFirst(command.endpoint.address, options_.socket_buffer_bytes);
  if (status.ok()) status = socket.ReportErrors();
  if (status.ok()) status = socket.ReportTrafficClass();
  if (status.ok()) {
    if (options_.busy_poll_us > 0) socket.PreferBusyPoll(options_.busy_poll_us);
    report.port = socket.address().port;
    auto endpoint =
        std::make_unique<Endpoint>(handle, SideOf(command.endpoint.kind), std::move(socket));
    if (Watch(*endpoint)) {
      if (endpoint->side == Side::kRelayed) Publish(*endpoint);
      endpoints_[handle.id()] = std::move(endpoint);
    } else {
      status = Status::System("cannot watch a socket", errno);
    }
  }
  report.status = status.code;
  report.error_number = static_cast<uint32_t>(status.error_number);
  reports_.PushAnswer(report);
  punted_ = true;
}

void Worker::Publish(Endpoint& endpoint) {
  RelayedAddresses& addresses = *options_.relayed_addresses;
  const TransportAddress bound = endpoint.socket.address();
  endpoint.relayed_address = bound;
  endpoint.relayed_number = addresses.NumberOfBound(bound.ip);
  if (endpoint.relayed_number == RelayedAddresses::kNone) return;
  endpoint.relayed_address.ip = addresses.Advertised(endpoint.relayed_number);
  addresses.Add(endpoint.relayed_number, bound.port, endpoint.handle);
  Steer(endpoint);
}

void Worker::Withdraw(Endpoint& endpoint) {
  if (endpoint.relayed_number == RelayedAddresses::kNone) return;
  const uint16_t port = endpoint.relayed_address.port;
  const bool was_there =
      options_.relayed_addresses->Remove(endpoint.relayed_number, port, endpoint.handle);
  // Otherwise the port is another endpoint's already.
  if (was_there) StopSteering(endpoint);
}

void Worker::CloseEndpoint(const Command& command) {
  const TransportHandle handle = command.endpoint.handle;
  if (Endpoint* const endpoint = EndpointOf(handle)) {
    // What was queued for the endpoint before its close still leaves. Datagrams that another worker
    // has not reached the barrier of are dropped.
    while (SendControl() == Progress::kMore) {
    }
    FlushSends();
    Forget(*endpoint);
  }
  EndpointReport report{};
  report.kind = PuntKind::kEndpointClosed;
  report.handle = handle.ToNumber();
  reports_.PushAnswer(report);
  punted_ = true;
}

void Worker::HandleTrouble(Endpoint& endpoint, uint32_t events) {
  if ((events & EPOLLERR) != 0) ReportIcmpErrors(endpoint);
  if ((events & EPOLLHUP) != 0) End(endpoint, ESHUTDOWN);
}

void Worker::ReportIcmpErrors(Endpoint& endpoint) {
  const uint64_t now_ns = ReadClock().monotonic_ns;
  for (uint32_t i = 0; i < kErrorsPerLook; ++i) {
    IcmpError error;
    const UdpSocket::ErrorTaken taken = endpoint.socket.TakeError(&error);
    if (taken == UdpSocket::ErrorTaken::kNone) return;
    if (taken == UdpSocket::ErrorTaken::kOther) continue;
    // An error in its own queue shows that the port is not steered any more.
    endpoint.is_steered = false;
    ReportIcmpError(endpoint, error, now_ns);
  }
}

void Worker::ReportIcmpError(Endpoint& endpoint, const IcmpError& error, uint64_t now_ns) {
  // Charges the endpoint's budget first, so that an endpoint over its budget uses none of the
  // worker's.
  if (!endpoint.icmp_errors.Take(now_ns, kNsPerSecond / kIcmpErrorsPerSecond,
                                 kIcmpErrorsPerSecond) ||
      !icmp_errors_.Take(now_ns, kNsPerSecond / kIcmpErrorsOfWorkerPerSecond,
                         kIcmpErrorsOfWorkerPerSecond)) {
    counters_.Add(Counter::kIcmpErrorsOverBudget);
    return;
  }
  EndpointReport report{};
  report.kind = PuntKind::kIcmpError;
  report.handle = endpoint.handle.ToNumber();
  report.icmp_type = error.type;
  report.icmp_code = error.code;
  report.icmp_info = error.info;
  report.remote = error.remote.ip;
  report.port = error.remote.port;
  const bool queued = reports_.PushEvent(report);
  counters_.Add(queued ? Counter::kIcmpErrors : Counter::kEventsDropped);
  punted_ |= queued;
}

void Worker::End(Endpoint& endpoint, int error_number) {
  if (endpoint.ended_with != 0) return;
  endpoint.ended_with = error_number;
  Unwatch(endpoint);
  ended_.push_back(endpoint.handle);
}

void Worker::Unwatch(Endpoint& endpoint) {
  readable_.Remove(endpoint);
  // Not left to close(): a child process that has not yet called exec keeps the socket open, and
  // epoll would go on reporting it.
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, endpoint.socket.fd(), nullptr);
}

void Worker::ReportEnded() {
  for (; !ended_.empty(); ended_.pop_back()) {
    const TransportHandle handle = ended_.back();
    const Endpoint* const endpoint = EndpointOf(handle);
    // A close command that came first has already sent its response.
    if (endpoint == nullptr) continue;
    EndpointReport report{};
    report.kind = PuntKind::kEndpointEnded;
    report.handle = handle.ToNumber();
    report.status = StatusCode::kSystem;
    report.error_number = static_cast<uint32_t>(endpoint->ended_with);
    if (!reports_.PushEvent(report)) return;
    punted_ = true;
    FlushSends();
    Forget(*EndpointOf(handle));
  }
}

void Worker::Forget(Endpoint& endpoint) {
  counters_.Add(Counter::kReceiveDropped, endpoint.socket.TakeDrops());
  if (!early_.idle()) early_.Forget(endpoint.handle, counters_);
  Withdraw(endpoint);
  if (endpoint.ended_with == 0) Unwatch(endpoint);
  endpoints_[endpoint.handle.id()].reset();
}

ReceiveBatch::Result Worker::ReceiveAfterError(Endpoint& endpoint) {
  ReceiveBatch::Result result = ReceiveBatch::Result::kFailed;
  if (!endpoint.socket.reports_errors()) return result;
  for (uint32_t i = 0; i < kReceivesAfterErrors && result == ReceiveBatch::Result::kFailed; ++i) {
    if (IsFatal(errno)) {
      End(endpoint, errno);
      break;
    }
    result = batch_.Receive(endpoint.socket, endpoint.handle);
  }
  return result;
}

void Worker::PassOn(HandOver kind, const Outgoing& outgoing) {
  const TransportHandle handle = outgoing.path->handle;
  const uint8_t owner = handle.worker();
  if (owner == options_.index || owner >= options_.workers) {
    counters_.Add(Counter::kEndpointGone);
    return;
  }
  HandTo(owner, {*outgoing.path, kind, outgoing.relayed_number, outgoing.traffic_class},
         outgoing.data, outgoing.length);
}

void Worker::HandTo(uint8_t worker, const HandedOver& header, const uint8_t* data,
                    uint32_t length) {
  ByteRing& ring = (*workers_)[worker]->handed_over_by(options_.index);
  uint8_t* const record = ring.Reserve(static_cast<uint32_t>(sizeof(header)) + length);
  if (record == nullptr) {
    counters_.Add(Counter::kHandOverFull);
    return;
  }
  std::memcpy(record, &header, sizeof(header));
  std::memcpy(record + sizeof(header), data, length);
  ring.Commit();
  counters_.Add(Counter::kHandedOver);
  handed_over_to_ |= 1u << worker;
}

void Worker::WakeHandedOver() {
  for (; handed_over_to_ != 0; handed_over_to_ &= handed_over_to_ - 1) {
    (*workers_)[std::countr_zero(handed_over_to_)]->NoteHandedOverBy(options_.index);
  }
}

Worker::Progress Worker::SendHandedOver() {
  if (handed_over_by_.load(std::memory_order_relaxed) == 0) return Progress::kDone;
  uint32_t left = 0;
  uint32_t workers = handed_over_by_.exchange(0, std::memory_order_acquire);
  for (; workers != 0; workers &= workers - 1) {
    const auto worker = static_cast<uint8_t>(std::countr_zero(workers));
    if (SendHandedOverBy(worker) == Progress::kMore) left |= 1u << worker;
  }
  WakeHandedOver();
  if (left == 0) return Progress::kDone;
  handed_over_by_.fetch_or(left, std::memory_order_relaxed);
  return Progress::kMore;
}

Worker::Progress Worker::SendHandedOverBy(uint8_t worker) {
  ByteRing& ring = handed_over_[worker];
  const Now now = ReadClock();
  for (uint32_t sent = 0; sent < kHandedOverPerTurn; sent += kHandedOverAtOnce) {
    for (uint32_t i = 0; i < kHandedOverAtOnce; ++i) {
      const ByteRing::Record record = ring.Peek();
      if (record.data == nullptr) {
        FlushSends();
        ring.Pop();
        return Progress::kDone;
      }
      TakeOver(record, now);
      ring.Skip();
    }
    FlushSends();
    ring.Pop();
  }
  return Progress::kMore;
}

void Worker::TakeOver(const ByteRing::Record& record, const Now& now) {
  const auto* header = reinterpret_cast<const HandedOver*>(record.data);
  const Outgoing outgoing{&header->path,
                          record.data + sizeof(*header),
                          record.length - static_cast<uint32_t>(sizeof(*header)),
                          false,
                          header->relayed_number,
                          header->traffic_class};
  Endpoint* const endpoint = EndpointOf(header->path.handle);
  if (endpoint == nullptr) {
    counters_.Add(Counter::kEndpointGone);
    return;
  }
  switch (header->kind) {
    case HandOver::kSend:
      Queue(endpoint->sends, outgoing);
      break;
    case HandOver::kDeliver:
      Deliver(outgoing, now);
      break;
    case HandOver::kArrive:
      Arrive(outgoing, now);
      break;
    case HandOver::kIcmpError:
      TakeIcmpError(*endpoint, outgoing, now);
      break;
    case HandOver::kFromClient:
      // Without headroom and tailroom: other datagrams are around it.
      TakeFromClient({record.data + sizeof(*header), outgoing.length, &header->path, false, false,
                      header->traffic_class},
                     now);
      break;
  }
}

}  // namespace turnpike
