// Receives all datagrams at the far end, or a sample of them, by UDP sockets. The kernel checks
// addresses and checksums; the sink checks sequences, structure and latency. Ends on SIGTERM with
// one line of JSON.
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "arguments.h"
#include "clock.h"
#include "histogram.h"
#include "payload.h"
#include "sequence_check.h"
#include "wire/trunk_datagram.h"
#include "wire/turn_indications.h"

namespace bench {
namespace {

constexpr size_t kBatch = 32;
constexpr size_t kDatagramBytes = 2'048;
constexpr int kReceiveBufferBytes = 64 << 20;

volatile bool stop = false;

enum class Content { kRaw, kChannel, kTrunk, kData };

class Sink {
 public:
  Sink(Content content, bool wants_latency) : content_(content), wants_latency_(wants_latency) {}

  void Listen(sockaddr_in address);
  // Receives all waiting datagrams. Returns after at most 50 ms without any.
  void Turn();
  void Print() const;

 private:
  void Receive(int fd);
  void TakeDatagram(uint8_t* bytes, size_t length, uint64_t arrived_ns);
  void TakePayload(const uint8_t* payload, size_t length, uint64_t arrived_ns);

  struct RelayEntry {
    uint8_t data[kDatagramBytes];
    alignas(cmsghdr) uint8_t control[64];
  };

  Content content_;
  bool wants_latency_;
  std::vector<pollfd> sockets_;
  std::vector<RelayEntry> relays_{kBatch};
  SequenceCheck check_;
  Histogram latency_;
  uint64_t datagrams_ = 0;
  uint64_t malformed_ = 0;
};

void Sink::Listen(sockaddr_in address) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (fd < 0) FailSystem("cannot open a socket");
  // Without the privilege for SO_RCVBUFFORCE, the kernel's limit applies.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes, sizeof(int)) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof(int));
  }
  const int on = 1;
  if (wants_latency_ && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0) {
    FailSystem("SO_TIMESTAMPNS");
  }
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    FailSystem("cannot bind");
  }
  sockets_.push_back(pollfd{fd, POLLIN, 0});
}

void Sink::Turn() {
  if (poll(sockets_.data(), sockets_.size(), 50) <= 0) return;
  for (const pollfd& socket : sockets_) {
    if ((socket.revents & POLLIN) != 0) Receive(socket.fd);
  }
}

uint64_t ArrivalNs(msghdr& header) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec time;
    std::memcpy(&time, CMSG_DATA(part), sizeof(time));
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
  }
  return 0;
}

void Sink::Receive(int fd) {
  mmsghdr messages[kBatch]{};
  iovec vectors[kBatch];
  for (size_t i = 0; i < kBatch; ++i) {
    vectors[i] = iovec{relays_[i].data, kDatagramBytes};
    msghdr& header = messages[i].msg_hdr;
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    if (!wants_latency_) continue;
    header.msg_control = relays_[i].control;
    header.msg_controllen = sizeof(relays_[i].control);
  }
  const int count = recvmmsg(fd, messages, kBatch, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) {
    const uint64_t arrived_ns = wants_latency_ ? ArrivalNs(messages[i].msg_hdr) : 0;
    TakeDatagram(relays_[i].data, messages[i].msg_len, arrived_ns);
  }
}

void Sink::TakeDatagram(uint8_t* bytes, size_t length, uint64_t arrived_ns) {
  ++datagrams_;
  if (content_ == Content::kRaw) {
    TakePayload(bytes, length, arrived_ns);
  } else if (content_ == Content::kChannel) {
    uint16_t announced;
    std::memcpy(&announced, bytes + 2, sizeof(announced));
    if (length < kChannelHeadBytes || ntohs(announced) != length - kChannelHeadBytes) {
      ++malformed_;
      return;
    }
    TakePayload(bytes + kChannelHeadBytes, length - kChannelHeadBytes, arrived_ns);
  } else if (content_ == Content::kData) {
    turnpike::SendIndication data{};
    // Both indications have the same attributes.
    if (turnpike::ClassifyStun(bytes, length) != turnpike::StunKind::kRequestOrIndication ||
        turnpike::StunTypeOf(bytes) != turnpike::kDataIndication ||
        !turnpike::ReadSendIndication(bytes, length, &data)) {
      ++malformed_;
      return;
    }
    TakePayload(data.payload, data.payload_bytes, arrived_ns);
  } else if (!turnpike::RecordsFill(bytes, length)) {
    ++malformed_;
  } else {
    turnpike::RecordCursor records(bytes, length);
    while (turnpike::RecordHeader* record = records.Next()) {
      TakePayload(reinterpret_cast<uint8_t*>(record + 1), record->payload_bytes.Get(), arrived_ns);
    }
  }
}

void Sink::TakePayload(const uint8_t* payload, size_t length, uint64_t arrived_ns) {
  check_.Take(payload, length);
  PayloadHead head;
  if (arrived_ns == 0 || length < sizeof(head)) return;
  std::memcpy(&head, payload, sizeof(head));
  if (arrived_ns > head.sent_wall_ns) latency_.Add(arrived_ns - head.sent_wall_ns);
}

void Sink::Print() const {
  const auto text = [](uint64_t number) { return static_cast<unsigned long long>(number); };
  std::printf(
      "{\"datagrams\":%llu,\"payloads\":%llu,\"duplicates\":%llu,\"reordered\":%llu,"
      "\"damaged\":%llu,\"malformed\":%llu,\"latency\":{\"count\":%llu,\"p50Ns\":%llu,"
      "\"p99Ns\":%llu,\"p999Ns\":%llu,\"maxNs\":%llu}}\n",
      text(datagrams_), text(check_.payloads()), text(check_.duplicates()),
      text(check_.reordered()), text(check_.damaged()), text(malformed_), text(latency_.count()),
      text(latency_.QuantileNs(0.5)), text(latency_.QuantileNs(0.99)),
      text(latency_.QuantileNs(0.999)), text(latency_.max_ns()));
}

Content ContentOf(const std::string& name) {
  if (name == "raw") return Content::kRaw;
  if (name == "channel") return Content::kChannel;
  if (name == "trunk") return Content::kTrunk;
  if (name == "data") return Content::kData;
  Fail("content is raw, channel, trunk or data, not " + name);
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  Sink sink(ContentOf(arguments.Text("content", "raw")), arguments.Number("latency", 0) != 0);
  const sockaddr_in first = arguments.Address("address");
  const uint64_t ports = arguments.Number("ports", 1);
  PinToCpu(static_cast<int>(arguments.Real("cpu", -1)));
  arguments.CheckAllUsed();
  std::signal(SIGTERM, [](int) { stop = true; });
  std::signal(SIGINT, [](int) { stop = true; });
  for (uint64_t i = 0; i < ports; ++i) {
    sockaddr_in address = first;
    address.sin_port = htons(static_cast<uint16_t>(ntohs(first.sin_port) + i));
    sink.Listen(address);
  }
  std::printf("ready\n");
  std::fflush(stdout);
  while (!stop) sink.Turn();
  sink.Print();
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
