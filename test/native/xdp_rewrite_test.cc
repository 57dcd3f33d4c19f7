// The fast path frame by frame: frames passed up are unchanged, frames sent are correct.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "io/socket_address.h"
#include "xdp_scene.h"

namespace turnpike::test {
namespace {

const Bytes kHello{'h', 'e', 'l', 'l', 'o'};

// Changes a valid frame and expects that it is passed up without a further change.
template <typename Change>
void ExpectPassed(const char* what, Bytes frame, Change change) {
  UserPath path;
  XdpScene scene(path);
  EXPECT_EQ(path.Run(frame).action, static_cast<int>(XDP_TX));
  change(&frame);
  const Passage passage = path.Run(frame);
  if (passage.action != XDP_PASS) ADD_FAILURE() << std::string(what) + " was not passed";
  if (passage.frame != frame) ADD_FAILURE() << std::string(what) + " was changed";
  EXPECT_EQ(path.Count(TP_COUNT_CLIENT_TO_TRUNK), 1u);
}

Bytes Good() {
  UserPath path;
  return XdpScene(path).FromClient(kHello);
}

TEST(XdpRewrite, OtherThanPlainIpv4UdpIsPassedUp) {
  ExpectPassed("a VLAN tag", Good(), [](Bytes* frame) {
    const uint8_t tag[4] = {0x81, 0, 0, 5};
    frame->insert(frame->begin() + 12, tag, tag + 4);
  });
  ExpectPassed("a group address", Good(), [](Bytes* frame) { (*frame)[0] |= 1; });
  ExpectPassed("ARP", Good(), [](Bytes* frame) { (*frame)[13] = 6; });
  ExpectPassed("an option", Good(), [](Bytes* frame) {
    (*frame)[14] = 0x46;
    frame->insert(frame->begin() + 34, 4, 0);
  });
  ExpectPassed("version 5", Good(), [](Bytes* frame) { (*frame)[14] = 0x55; });
  ExpectPassed("a first fragment", Good(), [](Bytes* frame) { (*frame)[20] = 0x20; });
  ExpectPassed("a later fragment", Good(), [](Bytes* frame) { (*frame)[21] = 1; });
  ExpectPassed("TCP", Good(), [](Bytes* frame) { (*frame)[23] = 6; });
  ExpectPassed("TTL 1", Good(), [](Bytes* frame) { (*frame)[22] = 1; });
  ExpectPassed("TTL 0", Good(), [](Bytes* frame) { (*frame)[22] = 0; });
  ExpectPassed("an IP length beyond the frame", Good(), [](Bytes* frame) { (*frame)[17] += 1; });
  ExpectPassed("a tiny IP length", Good(), [](Bytes* frame) { (*frame)[17] = 27; });
  ExpectPassed("a UDP length of its own", Good(), [](Bytes* frame) { (*frame)[39] -= 1; });
  ExpectPassed("no checksum", Good(), [](Bytes* frame) { (*frame)[40] = (*frame)[41] = 0; });
  ExpectPassed("another address", Good(), [](Bytes* frame) { (*frame)[33] += 1; });
  ExpectPassed("another port", Good(), [](Bytes* frame) { (*frame)[37] += 1; });
  for (size_t length : {0, 1, 13, 14, 33, 34, 41, 42, 45}) {
    ExpectPassed("a cut frame", Good(), [length](Bytes* frame) { frame->resize(length); });
  }
}

TEST(XdpRewrite, OtherThanPlainIpv6UdpIsPassedUp) {
  UserPath path;
  XdpScene scene(path);
  scene.client = ToTransportAddress("[2001:db8::7]:40000");
  scene.service = ToTransportAddress("[2001:db8::1]:3478");
  const XdpScene six = scene;
  tp_flow flow{};
  flow.kind = TP_TO_CLIENT;
  flow.channel = TP_BE16(0x4abc);
  flow.path = ToPath(six.service, six.client);
  path.PutFlow(MakeKey(six.client, six.service, 0x4000), flow);
  const Bytes good = six.FromClient(kHello);
  EXPECT_EQ(path.Run(good).action, static_cast<int>(XDP_TX));
  const auto expect = [&](size_t offset, uint8_t value) {
    Bytes frame = good;
    frame[offset] = value;
    const Passage passage = path.Run(frame);
    EXPECT_EQ(passage.action, static_cast<int>(XDP_PASS));
    EXPECT_TRUE(passage.frame == frame);
  };
  for (const uint8_t extension : {0, 43, 44, 50, 51, 60, 6, 58}) expect(20, extension);
  expect(14, 0x50);
  expect(21, 1);
  expect(19, good[19] + 1);
  for (size_t length : {34, 53, 54, 61, 62, 63, 65}) {
    const Bytes frame(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(path.Run(frame).action, static_cast<int>(XDP_PASS));
  }
}

TEST(XdpRewrite, PacketsThatCannotBeSentArePassedUp) {
  UserPath path;
  XdpScene scene(path);
  const auto passes = [&path](const Bytes& frame) {
    const Passage passage = path.Run(frame);
    EXPECT_EQ(passage.action, static_cast<int>(XDP_PASS));
    EXPECT_TRUE(passage.frame == frame);
  };
  // 20 + 8 + 28 of headers.
  EXPECT_EQ(path.Run(scene.FromClient(Bytes(1444))).action, static_cast<int>(XDP_TX));
  passes(scene.FromClient(Bytes(1445)));
  tp_hop hop = ToHop(0);
  path.PutHop(0, hop);
  passes(scene.FromClient(kHello));
  passes(scene.FromRelay(1, kHello));
  // A neighbour that is being written.
  hop = ToHop(kIngress);
  hop.version_again += 1;
  path.PutHop(0, hop);
  passes(scene.FromClient(kHello));
  path.PutHop(0, ToHop(kIngress));
  path.PutDestination(0, tp_destination{5, 1500});
  passes(scene.FromClient(kHello));
  path.PutDestination(0, tp_destination{0, 0});
  passes(scene.FromClient(kHello));
  path.PutDestination(0, tp_destination{0, 1500});
  path.SetNextSequence(0);
  passes(scene.FromClient(kHello));
  // The packets passed up used no sequence and were not counted.
  EXPECT_EQ(path.Run(scene.FromRelay(1, kHello)).action, static_cast<int>(XDP_TX));
  EXPECT_EQ(path.Traffic(XdpScene::kRelayIndex).sent, 1u);
}

TEST(XdpRewrite, RedirectsToAnotherInterface) {
  UserPath path;
  XdpScene scene(path);
  path.PutHop(0, ToHop(kIngress + 1));
  EXPECT_EQ(path.Run(scene.FromClient(kHello)).action, static_cast<int>(XDP_REDIRECT));
}

TEST(XdpRewrite, EthernetPaddingIsRemoved) {
  UserPath path;
  XdpScene scene(path);
  Bytes frame = scene.FromClient({'a'});
  frame.resize(60, 0xee);
  const Received received = ReadFrame(path.Run(frame).frame);
  EXPECT_EQ(received.fault, std::string());
  EXPECT_EQ(received.payload.size(), 29u);
}

TEST(XdpRewrite, AWrongChecksumStaysWrong) {
  UserPath path;
  XdpScene scene(path);
  for (const Bytes& good : {scene.FromClient(kHello), scene.FromRelay(1, kHello)}) {
    Bytes frame = good;
    frame.back() ^= 0x10;
    const Passage passage = path.Run(frame);
    EXPECT_EQ(passage.action, static_cast<int>(XDP_TX));
    EXPECT_EQ(ReadFrame(passage.frame).fault, std::string("UDP checksum"));
  }
}

TEST(XdpRewrite, ChecksumsAreRightForEveryLengthAndSum) {
  UserPath path;
  XdpScene scene(path);
  scene.PutChannel();
  uint64_t sequence = 0;
  for (uint32_t i = 0; i < 4000; ++i) {
    Bytes data(i % 61);
    for (size_t j = 0; j < data.size(); ++j) data[j] = static_cast<uint8_t>(i >> (j % 2 * 8));
    const Bytes frames[] = {scene.FromClient(data), scene.FromRelay(++sequence, data),
                            scene.FromClientToPeer(data, i % 4), scene.FromPeer(data)};
    for (const Bytes& frame : frames) {
      const Passage passage = path.Run(frame);
      EXPECT_EQ(passage.action, static_cast<int>(XDP_TX));
      EXPECT_EQ(ReadFrame(passage.frame).fault, std::string());
    }
  }
}

TEST(XdpRewrite, DroppedDatagramsCountAsReceived) {
  UserPath path;
  XdpScene scene(path);
  const uint64_t bytes = 28 + kHello.size();
  EXPECT_EQ(path.Run(scene.FromRelay(9'000, kHello)).action, static_cast<int>(XDP_TX));
  EXPECT_EQ(path.Count(TP_COUNT_TRUNK_RX_BYTES), bytes);
  Bytes forged = scene.FromRelay(9'001, kHello);
  forged[42 + 12] ^= 1;
  for (const Bytes& frame : {scene.FromRelay(9'000, kHello), scene.FromRelay(1, kHello), forged}) {
    const uint64_t before = path.Count(TP_COUNT_TRUNK_RX_BYTES);
    EXPECT_EQ(path.Run(frame).action, static_cast<int>(XDP_DROP));
    EXPECT_EQ(path.Count(TP_COUNT_TRUNK_RX_BYTES), before + bytes);
  }
}

TEST(XdpRewrite, SequencesAndLossCountEachRecordOnce) {
  UserPath path;
  XdpScene scene(path);
  for (uint16_t i = 0; i < 3; ++i) {
    const Bytes datagram = ReadFrame(path.Run(scene.FromClient(kHello)).frame).payload;
    const auto* header = reinterpret_cast<const TrunkHeader*>(datagram.data());
    EXPECT_EQ(header->sequence.Get(), 1000u + i);
    EXPECT_EQ(header->lane, TP_LANE_FIRST + 5);
    EXPECT_EQ(Get16(datagram, 26), i);
  }
  // 5 and 6 are missing, then 5 arrives late.
  for (const uint16_t step : {4, 7, 5}) path.Run(scene.FromRelay(100 + step, kHello, step));
  const tp_traffic traffic = path.Traffic(XdpScene::kRelayIndex);
  EXPECT_EQ(traffic.sent, 3u);
  EXPECT_EQ(traffic.received, 3u);
  EXPECT_EQ(traffic.lost, 1);
}

TEST(XdpRewrite, ACpuSendsAllSessionsFromOnePort) {
  for (uint32_t cpu = 0; cpu < TP_LANES; ++cpu) {
    UserPath path(cpu);
    XdpScene scene(path);
    for (uint32_t session_index = 1; session_index < 4; ++session_index) {
      tp_flow flow{};
      flow.kind = TP_TO_TRUNK;
      flow.relay_index = XdpScene::kRelayIndex;
      flow.generation = 9;
      flow.session_index = TP_BE32(session_index);
      path.PutFlow(MakeKey(scene.client, scene.service, 0x4000), flow);
      uint8_t lane;
      const Received received = ReadFrame(path.Run(scene.FromClient(kHello), &lane).frame);
      EXPECT_EQ(received.fault, std::string());
      EXPECT_EQ(ToText(received.from), ToText(SourceOf(lane, scene.trunk)));
    }
  }
}

TEST(XdpRewrite, DatagramsToALanePortArePassedUp) {
  UserPath path;
  XdpScene scene(path);
  const TransportAddress sending = SourceOf(TP_LANE_FIRST, scene.trunk);
  const Bytes frame = MakeFrame(scene.relay, sending, scene.Trunk(1, kHello));
  const Passage passage = path.Run(frame);
  EXPECT_EQ(passage.action, static_cast<int>(XDP_PASS));
  EXPECT_TRUE(passage.frame == frame);
}

TEST(XdpRewrite, OneCpuAtMostAcceptsASequence) {
  constexpr uint64_t kSequences = 20'000;
  tp_window window{};
  std::vector<std::atomic<int>> taken(kSequences + 8);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&window, &taken] {
      for (uint64_t n = 1; n <= kSequences; ++n) {
        // A little reordering within the window.
        const uint64_t number = n ^ 5;
        tp_lock(&window);
        const tp_replay verdict = tp_window_take(&window, 1'000'000 + number);
        tp_unlock(&window);
        if (verdict == TP_FRESH) ++taken[number];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(std::all_of(taken.begin(), taken.end(), [](int times) { return times <= 1; }));
  EXPECT_TRUE(std::count(taken.begin(), taken.end(), 1) > 1'000);
}

TEST(XdpRewrite, TheWindowAgreesWithAModel) {
  tp_window window{};
  std::map<uint64_t, bool> seen;
  uint64_t highest = 0;
  uint64_t random = 88172645463325252;
  uint64_t base = 5;
  for (int i = 0; i < 200'000; ++i) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    if (random % 5000 == 0) base += random % 100'000;
    const uint64_t sequence = base + i / 2 + random % 6'000;
    const tp_replay verdict = tp_window_take(&window, sequence);
    const bool old = sequence < highest && highest - sequence >= TP_WINDOW_REMEMBERED;
    const tp_replay expected = old ? TP_TOO_OLD : seen[sequence] ? TP_REPLAYED : TP_FRESH;
    EXPECT_EQ(verdict, expected);
    if (verdict == TP_FRESH) seen[sequence] = true;
    highest = std::max(highest, sequence);
  }
}

}  // namespace
}  // namespace turnpike::test
