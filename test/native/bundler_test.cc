#include "forward/bundler.h"

#include <gtest/gtest.h>

#include <map>

#include "forwarder_fixture.h"
#include "wire/channel_data.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::ForwarderFixture;
using test::PacketBuffer;

constexpr Now kNow{1'000'000'000'000, 325};
constexpr uint32_t kMtuBytes = 600;
const SipKey kKey{3, 4};

// A datagram that left: session and payload of each record, its sequence and length.
struct Sent {
  std::vector<std::pair<uint32_t, Bytes>> records;
  uint64_t sequence;
  uint32_t bytes;
};

struct BundlerFixture {
  explicit BundlerFixture(uint32_t records_max = 1'000)
      : fixture(1, 500), bundler(fixture.authenticator) {
    EXPECT_TRUE(bundler.Allocate(ForwarderFixture::kRelays, kMtuBytes).ok());
    for (uint32_t relay_index = 1; relay_index <= 2; ++relay_index) {
      RemoteRelay relay;
      relay.path =
          test::ToTuple(0, "192.0.2." + std::to_string(relay_index) + ":3480", Side::kTrunk);
      relay.send_keys.Add(325, kKey);
      relay.records_max = records_max;
      relay.bundle_bytes_max = kMtuBytes;
      fixture.PutRemoteRelay(relay_index, std::move(relay));
    }
  }

  // Forwards ChannelData as a worker does. Datagrams that leave are appended to `sent`.
  void Send(uint32_t session, size_t payload_bytes, uint32_t relay_index = 1) {
    const FlowKey key{test::ToTuple(0, "203.0.113.7:4000"),
                      static_cast<uint16_t>(0x4000 + session)};
    if (fixture.tables.flows.Find(key) == nullptr)
      fixture.PutFlowToTrunk(key, relay_index, session);
    Bytes data(4 + payload_bytes, static_cast<uint8_t>(sends_++));
    PrependChannelData(data.data() + 4, key.channel, static_cast<uint16_t>(payload_bytes));
    buffers_.push_back(std::make_unique<PacketBuffer>(data.data(), data.size(), key.tuple));
    const Packet& packet = buffers_.back()->packet();
    ClientResult result;
    EXPECT_EQ(
        fixture.forwarder.ForwardClient(packet, fixture.tables.flows.Find(key), kNow, &result),
        Verdict::kClientToTrunk);
    Outgoing out;
    if (bundler.Takes(result.record)) {
      EXPECT_TRUE(bundler.HasRoom());
      if (bundler.Add(result.record, kNow.monotonic_ns, &out)) Take(out);
      return;
    }
    if (bundler.CloseBefore(result.record, &out)) Take(out);
    fixture.forwarder.MakeSingleRecordDatagram(result.record, nullptr, &out);
    Take(out);
  }

  void CloseAll() {
    for (Outgoing out; bundler.CloseOldest(&out);) Take(out);
    bundler.Recycle();
  }

  void Take(const Outgoing& out) {
    Bytes bytes(out.data, out.data + out.length);
    EXPECT_TRUE(RecordsFill(bytes.data(), bytes.size()));
    const auto* header = reinterpret_cast<const TrunkHeader*>(bytes.data());
    EXPECT_EQ(DataTag(kKey, bytes.data(), bytes.size()), LoadLe64(header->tag));
    Sent one{{}, header->sequence.Get(), out.length};
    RecordCursor records(bytes.data(), bytes.size());
    while (const RecordHeader* record = records.Next()) {
      const auto* payload = reinterpret_cast<const uint8_t*>(record + 1);
      one.records.emplace_back(record->session_index.Get(),
                               Bytes(payload, payload + record->payload_bytes.Get()));
    }
    sent.push_back(std::move(one));
  }

  ForwarderFixture fixture;
  Bundler bundler;
  std::vector<Sent> sent;

 private:
  std::vector<std::unique_ptr<PacketBuffer>> buffers_;
  uint32_t sends_ = 0;
};

TEST(Bundler, RecordsShareADatagramUpToTheMtu) {
  BundlerFixture f;
  for (uint32_t i = 0; i < 12; ++i) f.Send(i % 3, 100);
  // 20 + 5 × 108 = 560; a sixth would make 668.
  EXPECT_EQ(f.sent.size(), 2u);
  f.CloseAll();
  EXPECT_EQ(f.sent.size(), 3u);
  uint8_t next = 0;
  for (const Sent& datagram : f.sent) {
    EXPECT_TRUE(datagram.bytes <= kMtuBytes);
    for (const auto& [session, payload] : datagram.records) {
      EXPECT_EQ(session, next % 3u);
      EXPECT_TRUE(payload == Bytes(100, next));
      ++next;
    }
  }
  EXPECT_EQ(next, 12);
}

TEST(Bundler, SequencesIncreaseInSendingOrder) {
  BundlerFixture f;
  for (uint32_t i = 0; i < 40; ++i) f.Send(i % 4, i % 5 == 0 ? 500 : 60, 1 + i % 4 / 2);
  f.CloseAll();
  uint64_t expected = 500;
  for (const Sent& datagram : f.sent) EXPECT_EQ(datagram.sequence, expected++);
}

TEST(Bundler, RecordsOfAConnectionStayInOrder) {
  BundlerFixture f;
  uint32_t random = 1;
  std::map<uint32_t, std::vector<uint8_t>> given;
  for (uint32_t i = 0; i < 250; ++i) {
    random = random * 1'664'525 + 1'013'904'223;
    const uint32_t session = random >> 16 & 7;
    given[session].push_back(static_cast<uint8_t>(i));
    f.Send(session, (random >> 24) % 3 == 0 ? 400 : 1 + (random >> 20 & 0xff));
    if (i % 50 == 49) f.CloseAll();
  }
  f.CloseAll();
  std::map<uint32_t, std::vector<uint8_t>> left;
  for (const Sent& datagram : f.sent) {
    for (const auto& [session, payload] : datagram.records) left[session].push_back(payload[0]);
  }
  EXPECT_TRUE(given == left);
}

TEST(Bundler, RelaysWithRecordsMaxOneGetSingleRecords) {
  BundlerFixture f(1);
  for (int i = 0; i < 5; ++i) f.Send(1, 20);
  EXPECT_EQ(f.sent.size(), 5u);
  EXPECT_TRUE(f.bundler.empty());
}

TEST(Bundler, ADatagramHasAtMostRecordsMaxRecords) {
  BundlerFixture f(3);
  for (int i = 0; i < 7; ++i) f.Send(1, 4);
  f.CloseAll();
  EXPECT_EQ(f.sent.size(), 3u);
  EXPECT_EQ(f.sent[0].records.size(), 3u);
  EXPECT_EQ(f.sent[2].records.size(), 1u);
}

TEST(Bundler, EmptyPayloadsAreRecords) {
  BundlerFixture f;
  for (int i = 0; i < 100; ++i) f.Send(1, 0);
  f.CloseAll();
  size_t records = 0;
  for (const Sent& datagram : f.sent) records += datagram.records.size();
  EXPECT_EQ(records, 100u);
}

TEST(Bundler, MemoryIsReusedAfterRecycle) {
  BundlerFixture f;
  for (uint32_t round = 0; round < 10; ++round) {
    uint32_t opened = 0;
    while (f.bundler.HasRoom()) {
      f.Send(0, 200);
      ++opened;
    }
    EXPECT_TRUE(opened >= kBundlesMax);
    f.CloseAll();
    EXPECT_TRUE(f.bundler.HasRoom());
  }
}

TEST(Bundler, WithoutHeadroomTheDatagramIsACopy) {
  BundlerFixture f(1);
  const FlowKey key{test::ToTuple(0, "203.0.113.7:4000"), 0x4000};
  f.fixture.PutFlowToTrunk(key, 1, 9);
  const Bytes data = test::FromHex("40000003aabbcc");
  const PacketBuffer buffer(data.data(), data.size(), key.tuple);
  Packet packet = buffer.packet();
  packet.headroom = false;
  ClientResult result;
  f.fixture.forwarder.ForwardClient(packet, f.fixture.tables.flows.Find(key), kNow, &result);
  Bytes whole(kSingleRecordHeadBytes + 3);
  Outgoing out;
  f.fixture.forwarder.MakeSingleRecordDatagram(result.record, whole.data(), &out);
  EXPECT_TRUE(out.data == whole.data());
  EXPECT_EQ(out.length, whole.size());
  EXPECT_TRUE(RecordsFill(whole.data(), whole.size()));
  EXPECT_EQ(DataTag(kKey, whole.data(), whole.size()),
            LoadLe64(reinterpret_cast<const TrunkHeader*>(whole.data())->tag));
  EXPECT_TRUE(Bytes(packet.data, packet.data + packet.length) == data);
}

}  // namespace
}  // namespace turnpike
