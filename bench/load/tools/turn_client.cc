#include "turn_client.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "arguments.h"
#include "clock.h"
#include "headers.h"

namespace bench {

namespace {

constexpr size_t kMessageBytesMax = 1'500;
constexpr int kEventsMax = 64;
// Initial RTO of RFC 8489 section 6.2.1. It does not double: the path has no other load.
constexpr uint64_t kRetransmitNs = 500'000'000;
constexpr int kScanMs = 100;
constexpr uint8_t kTriesMax = 20;

// Raises the limit of open files as far as it goes.
void AllowManyFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int OpenSocket(const sockaddr_in& source, const sockaddr_in& server) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (fd < 0) FailSystem("cannot open a socket");
  if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof(source)) != 0) {
    FailSystem("cannot bind a client's port");
  }
  if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) != 0) {
    FailSystem("cannot connect to the server");
  }
  return fd;
}

}  // namespace

TurnClient::TurnClient(const TurnClientOptions& options, uint32_t flows)
    : options_(options), flows_(flows), relayed_(flows), epoll_(epoll_create1(0)) {
  AllowManyFiles();
  if (epoll_ < 0) FailSystem("cannot make an epoll");
  for (uint32_t i = 0; i < flows; ++i) {
    const sockaddr_in source = NthSource(options.source, i, options.ports_per_address);
    flows_[i].fd = OpenSocket(source, options.server);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = i;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, flows_[i].fd, &event) != 0) FailSystem("epoll_ctl");
  }
}

TurnClient::~TurnClient() {
  for (const Flow& flow : flows_) close(flow.fd);
  close(epoll_);
}

TurnRun TurnClient::Allocate() {
  const uint64_t start_ns = MonotonicNs();
  const uint64_t start_cpu_ns = ProcessCpuNs();
  uint64_t scanned_ns = start_ns;
  while (under_way_ < options_.window && next_ < flows_.size()) Begin(next_++);
  while (under_way_ > 0) {
    epoll_event events[kEventsMax];
    const int ready = epoll_wait(epoll_, events, kEventsMax, kScanMs);
    for (int i = 0; i < ready; ++i) Receive(events[i].data.u32);
    const uint64_t now_ns = MonotonicNs();
    if (now_ns - scanned_ns < uint64_t{kScanMs} * 1'000'000) continue;
    scanned_ns = now_ns;
    Retransmit();
  }
  run_.elapsed_ns = MonotonicNs() - start_ns;
  run_.cpu_ns = ProcessCpuNs() - start_cpu_ns;
  return run_;
}

void TurnClient::Begin(uint32_t flow) {
  ++under_way_;
  flows_[flow].step = Step::kChallenged;
  flows_[flow].begun_ns = MonotonicNs();
  SendRequest(flow);
}

void TurnClient::SendRequest(uint32_t flow) {
  Flow& one = flows_[flow];
  if (one.tries == 0) one.id = TransactionId{flow, ++transactions_};
  const bool allocates = one.step != Step::kGranting;
  const uint16_t grant = options_.channel == 0 ? kCreatePermission : kChannelBind;
  TurnRequest request(allocates ? kAllocate : grant, one.id);
  if (allocates) {
    request.AddRequestedTransportUdp();
  } else {
    if (options_.channel != 0) request.AddChannelNumber(options_.channel);
    request.AddXorPeerAddress(NthSource(options_.peer, flow, options_.ports_per_address));
  }
  if (one.step != Step::kChallenged) request.Sign(options_.credential, one.realm, one.nonce);
  const std::string_view message = request.Finish();
  one.sent_ns = MonotonicNs();
  ++one.tries;
  // A refused or unreachable server is noticed by the missing response.
  (void)!send(one.fd, message.data(), message.size(), MSG_DONTWAIT);
}

void TurnClient::Receive(uint32_t flow) {
  uint8_t message[kMessageBytesMax];
  const ssize_t length = recv(flows_[flow].fd, message, sizeof(message), MSG_DONTWAIT);
  TurnResponse response;
  if (length <= 0 || !ReadTurnResponse(message, static_cast<size_t>(length), &response)) return;
  const Flow& one = flows_[flow];
  const bool waits = one.step != Step::kWaiting && one.step != Step::kDone;
  if (waits && response.id == one.id) Take(flow, response);
}

void TurnClient::Take(uint32_t flow, const TurnResponse& response) {
  Flow& one = flows_[flow];
  one.tries = 0;
  if (response.is_success) {
    if (one.step == Step::kGranting) return Succeed(flow);
    relayed_[flow] = response.relayed;
    one.step = Step::kGranting;
  } else {
    const bool is_first = one.step == Step::kChallenged && response.error_code == kUnauthenticated;
    if (!is_first && response.error_code != kStaleNonce) {
      return FailFlow(flow, response.error_code);
    }
    one.realm = response.realm;
    one.nonce = response.nonce;
    if (is_first) one.step = Step::kAllocating;
  }
  SendRequest(flow);
}

void TurnClient::Succeed(uint32_t flow) {
  run_.latency.Add(MonotonicNs() - flows_[flow].begun_ns);
  End(flow);
}

void TurnClient::FailFlow(uint32_t flow, int code) {
  ++run_.failures[code];
  relayed_[flow] = sockaddr_in{};
  End(flow);
}

void TurnClient::End(uint32_t flow) {
  flows_[flow].step = Step::kDone;
  --under_way_;
  if (next_ < flows_.size()) Begin(next_++);
}

void TurnClient::Retransmit() {
  const uint64_t now_ns = MonotonicNs();
  for (uint32_t i = 0; i < next_; ++i) {
    Flow& one = flows_[i];
    const bool waits = one.step != Step::kWaiting && one.step != Step::kDone;
    if (!waits || now_ns < one.sent_ns + kRetransmitNs) continue;
    if (one.tries >= kTriesMax) {
      FailFlow(i, 0);
      continue;
    }
    ++run_.retransmissions;
    SendRequest(i);
  }
}

}  // namespace bench
