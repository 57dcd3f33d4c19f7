// A batch with a socket, and sockets that receive from it.
#pragma once

#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/send_batch.h"
#include "support.h"

namespace turnpike::test {

struct Socket : UdpSocket {
  static constexpr int kWaitMs = 5'000;
  static constexpr int kMoreMs = 20;

  explicit Socket(bool segments_come_apart = true, const std::string& address = "127.0.0.1:0") {
    EXPECT_TRUE(OpenFirst(ToTransportAddress(address), 4 << 20).ok());
    const int value = segments_come_apart ? 0 : 1;
    EXPECT_EQ(setsockopt(fd(), SOL_UDP, UDP_GRO, &value, sizeof(value)), 0);
  }

  // Waits for `expected` datagrams, then briefly for more. Returns all with their source ports.
  std::vector<std::pair<uint16_t, Bytes>> ReceiveAllFrom(size_t expected) {
    std::vector<std::pair<uint16_t, Bytes>> datagrams;
    for (pollfd ready{fd(), POLLIN, 0};
         poll(&ready, 1, datagrams.size() < expected ? kWaitMs : kMoreMs) == 1;) {
      Bytes data(65'536);
      SocketAddress source;
      socklen_t source_bytes = sizeof(source);
      const ssize_t length =
          recvfrom(fd(), data.data(), data.size(), MSG_DONTWAIT, &source.any, &source_bytes);
      if (length < 0) break;
      data.resize(static_cast<size_t>(length));
      datagrams.emplace_back(FromSocketAddress(source).port, std::move(data));
    }
    return datagrams;
  }
  // Waits for `expected` datagrams, then briefly for more. Returns all.
  std::vector<Bytes> ReceiveAll(size_t expected) {
    std::vector<Bytes> datagrams;
    for (auto& each : ReceiveAllFrom(expected)) datagrams.push_back(std::move(each.second));
    return datagrams;
  }
};

struct BatchFixture {
  explicit BatchFixture(const std::string& address = "127.0.0.1:0")
      : cells(new CounterCell[kCounterRowCells]{}), counters(cells.get()), from(true, address) {}

  void Add(const TransportAddress& to, Bytes data, const IpAddress& local = {},
           uint8_t traffic_class = 0) {
    Add(socket, to, std::move(data), local, traffic_class);
  }
  void Add(SendSocket& through, const TransportAddress& to, Bytes data, const IpAddress& local = {},
           uint8_t traffic_class = 0) {
    kept.push_back(std::move(data));
    const Bytes& bytes = kept.back();
    FiveTuple& path = paths.emplace_back();
    path.remote = to;
    path.local = local;
    Outgoing out{&path, bytes.data(), static_cast<uint32_t>(bytes.size())};
    out.traffic_class = traffic_class;
    batch.Add(through, out);
  }
  uint64_t Count(Counter counter) const { return cells[static_cast<uint8_t>(counter)].Get(); }

  std::unique_ptr<CounterCell[]> cells;
  CounterRow counters;
  Socket from;
  SendSocket socket{from, Side::kClient};
  SendBatch batch;
  std::vector<Bytes> kept = [] {
    std::vector<Bytes> empty;
    empty.reserve(kSendBatchDatagrams);
    return empty;
  }();
  std::deque<FiveTuple> paths;
};

}  // namespace turnpike::test
