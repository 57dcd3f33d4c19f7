// Batches sent over loopback sockets.
#include <algorithm>
#include <map>

#include "io/receive_batch.h"
#include "send_batch_fixture.h"

namespace turnpike {
namespace {

using test::BatchFixture;
using test::Bytes;
using test::Socket;

TEST(SendBatch, EachDestinationReceivesInOrder) {
  BatchFixture f;
  std::vector<std::unique_ptr<Socket>> to;
  for (int i = 0; i < 5; ++i) to.push_back(std::make_unique<Socket>());
  std::vector<std::vector<Bytes>> expected(to.size());
  for (uint32_t i = 0; i < kSendBatchDatagrams; ++i) {
    // Lengths that make runs of every kind: equal, falling, rising.
    const size_t length = 30 + (i / 7) % 3 * 10;
    const Bytes data(length, static_cast<uint8_t>(i));
    f.Add(to[i % 5]->address(), data);
    expected[i % 5].push_back(data);
  }
  EXPECT_TRUE(f.batch.full());
  f.batch.Flush(f.counters);
  EXPECT_TRUE(f.batch.empty());
  for (size_t i = 0; i < to.size(); ++i) {
    EXPECT_TRUE(to[i]->ReceiveAll(expected[i].size()) == expected[i]);
  }
  EXPECT_EQ(f.Count(Counter::kClientTxPackets), kSendBatchDatagrams);
  EXPECT_TRUE(f.Count(Counter::kSegmentedSends) > 0);
}

// Every socket sends to every destination, the sockets in turn.
TEST(SendBatch, SocketsThatShareABatchKeepTheirOrder) {
  constexpr size_t kSockets = 4;
  BatchFixture f;
  std::vector<std::unique_ptr<Socket>> from;
  std::vector<std::unique_ptr<SendSocket>> through;
  std::vector<std::unique_ptr<Socket>> to;
  std::map<std::pair<size_t, uint16_t>, std::vector<Bytes>> expected;
  for (size_t i = 0; i < kSockets; ++i) {
    from.push_back(std::make_unique<Socket>());
    through.push_back(
        std::make_unique<SendSocket>(*from[i], i == 0 ? Side::kTrunk : Side::kClient));
    to.push_back(std::make_unique<Socket>());
  }
  for (int round = 0; round < 2; ++round) {
    for (uint32_t i = 0; i < kSendBatchDatagrams; ++i) {
      const size_t source = i % kSockets;
      const size_t destination = i / kSockets % kSockets;
      const Bytes data(30 + i % 3, static_cast<uint8_t>(i));
      f.Add(*through[source], to[destination]->address(), data);
      expected[{destination, from[source]->address().port}].push_back(data);
    }
    f.batch.Flush(f.counters);
    f.kept.clear();
  }
  for (size_t i = 0; i < kSockets; ++i) {
    std::map<uint16_t, std::vector<Bytes>> received;
    for (auto& [port, data] : to[i]->ReceiveAllFrom(2 * kSendBatchDatagrams / kSockets)) {
      received[port].push_back(data);
    }
    for (const auto& socket : from) {
      EXPECT_TRUE((received[socket->address().port] == expected[{i, socket->address().port}]));
    }
  }
  EXPECT_EQ(f.Count(Counter::kTrunkTxPackets), 2 * kSendBatchDatagrams / kSockets);
  EXPECT_EQ(f.Count(Counter::kClientTxPackets), 2 * kSendBatchDatagrams / kSockets * 3);
}

TEST(SendBatch, EqualDatagramsAreSentAsSegments) {
  BatchFixture f;
  Socket to(false);
  for (int i = 0; i < 16; ++i) f.Add(to.address(), Bytes(1'200, static_cast<uint8_t>(i)));
  f.Add(to.address(), Bytes(7, 99));
  f.batch.Flush(f.counters);
  ReceiveBatch received;
  EXPECT_TRUE(received.Allocate().ok());
  EXPECT_TRUE(received.Receive(to, TransportHandle::OfListener(Side::kClient, 3)) ==
              ReceiveBatch::Result::kDrained);
  EXPECT_EQ(received.messages(), 1u);
  EXPECT_EQ(received.NextChunk(), 17u);
  for (uint32_t i = 0; i < 17; ++i) {
    EXPECT_EQ(received[i].length, i < 16 ? 1'200u : 7u);
    EXPECT_EQ(received[i].data[0], i < 16 ? i : 99u);
    EXPECT_EQ(received[i].headroom, i == 0);
    EXPECT_EQ(received[i].tuple->handle.id(), 3);
    EXPECT_TRUE(received[i].tuple->remote == f.from.address());
  }
  EXPECT_EQ(received.NextChunk(), 0u);
}

TEST(SendBatch, AdjacentCopiesAreSentAsSegments) {
  constexpr uint32_t kBytes = 1'228;
  BatchFixture f;
  Socket to;
  FiveTuple path;
  path.remote = to.address();
  std::vector<Bytes> expected;
  while (!f.batch.full()) {
    expected.emplace_back(kBytes, static_cast<uint8_t>(expected.size()));
    uint8_t* const room = f.batch.TakeRoom(kBytes);
    std::copy(expected.back().begin(), expected.back().end(), room);
    f.batch.Add(f.socket, Outgoing{&path, room, kBytes});
  }
  f.batch.Flush(f.counters);
  EXPECT_TRUE(to.ReceiveAll(expected.size()) == expected);
  EXPECT_TRUE(f.Count(Counter::kSegmentedSends) > 0);
}

TEST(SendBatch, TheFlushFreesTheRoom) {
  BatchFixture f;
  uint32_t taken = 0;
  while (f.batch.TakeRoom(kDatagramBytesMax) != nullptr) ++taken;
  EXPECT_EQ(taken, kSendRoomBytes / kDatagramBytesMax);
  f.batch.Flush(f.counters);
  EXPECT_TRUE(f.batch.TakeRoom(kDatagramBytesMax) != nullptr);
}

TEST(SendBatch, LongRunsAreSplitAtTheKernelsLimits) {
  BatchFixture f;
  Socket to;
  for (uint32_t i = 0; i < kSendBatchDatagrams; ++i) {
    f.Add(to.address(), Bytes(i < 100 ? 8 : 1'400, static_cast<uint8_t>(i)));
  }
  f.batch.Flush(f.counters);
  EXPECT_EQ(to.ReceiveAll(kSendBatchDatagrams).size(), size_t{kSendBatchDatagrams});
  EXPECT_EQ(f.Count(Counter::kSegmentsRefused), 0u);
  EXPECT_EQ(f.Count(Counter::kSendErrors), 0u);
}

TEST(SendBatch, EmptyAndLargeDatagramsAreNotSegmented) {
  BatchFixture f;
  Socket to;
  std::vector<Bytes> expected;
  for (const size_t length : {0, 0, 9'000, 9'000, 5, 0, 5}) {
    expected.push_back(Bytes(length, 1));
    f.Add(to.address(), expected.back());
  }
  f.batch.Flush(f.counters);
  EXPECT_TRUE(to.ReceiveAll(expected.size()) == expected);
  EXPECT_EQ(f.Count(Counter::kSegmentsRefused), 0u);
}

TEST(SendBatch, ARefusedDestinationDoesNotStopOthers) {
  BatchFixture f;
  Socket to;
  for (int i = 0; i < 3; ++i) {
    f.Add(to.address(), Bytes(10, 1));
    // Broadcast without permission: EACCES, for the run as a whole.
    f.Add(test::ToTransportAddress("255.255.255.255:9"), Bytes(10, 2));
    f.Add(test::ToTransportAddress("255.255.255.255:9"), Bytes(10, 2));
  }
  f.batch.Flush(f.counters);
  EXPECT_EQ(to.ReceiveAll(3).size(), 3u);
  EXPECT_EQ(f.Count(Counter::kSendErrors), 6u);
  EXPECT_EQ(f.Count(Counter::kClientTxPackets), 3u);
}

}  // namespace
}  // namespace turnpike
