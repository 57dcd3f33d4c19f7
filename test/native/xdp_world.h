// A relay between a client and another relay, each in its own namespace.
#pragma once

#include <gtest/gtest.h>

#include <ctime>

#include "base/units.h"
#include "net_world.h"
#include "wire/trunk_datagram.h"
#include "xdp/xdp_plane.h"
#include "xdp_frames.h"
#include "xdp_scene.h"

namespace turnpike::test {

inline constexpr SipKey kKey{11, 22};
inline constexpr uint32_t kRelayIndex = 1;
// Index of the connection's traffic counters.
inline constexpr uint32_t kSlot = 700;
inline constexpr int kWaitMs = 5'000;
inline const Bytes kHello{'h', 'e', 'l', 'l', 'o'};

inline uint16_t Today() { return TrunkEpochOf(static_cast<uint64_t>(time(nullptr))); }

// A client and another relay, each connected to the relay by a veth.
class World {
 public:
  // Returns false without the required privileges.
  bool Make() {
    if (!client_host.Make() || !relay_host.Make() || !other_host.Make()) return false;
    Join(client_host, "c0", "r0", "1");
    JoinOther();
    return true;
  }
  // Restores the link after the relay's end was deleted.
  void JoinOther() { Join(other_host, "t0", "r1", "2"); }
  ~World() { DetachFarEnds(); }
  // Takes the programs away that have the far ends accept frames.
  void DetachFarEnds() {
    for (const int link : links_) close(link);
    links_.clear();
  }

  XdpOptions Options(const std::string& client = "10.77.1.1",
                     const std::string& trunk = "10.77.2.1") {
    XdpOptions options;
    options.interfaces = interfaces;
    options.generic_allowed = generic_allowed;
    options.sizes = XdpSizes{1'000, 1'000, 4};
    options.addresses.clients = {ToTransportAddress(Text(client, 3478))};
    options.addresses.trunks = {ToTransportAddress(Text(trunk, 3480))};
    options.addresses.trunk_lane_ports = {{}};
    options.initial_sequence = 1'000;
    options.counters = counters;
    options.traffic = traffic;
    options.legs = XdpLegs{flow_traffic, session_traffic};
    return options;
  }

  static std::string Text(const std::string& ip, int port) {
    const bool ipv6 = ip.find(':') != std::string::npos;
    return (ipv6 ? "[" + ip + "]:" : ip + ":") + std::to_string(port);
  }

  uint64_t Count(Counter counter) const { return counters[static_cast<size_t>(counter)].Get(); }

  std::vector<std::string> interfaces{"r0", "r1"};
  bool generic_allowed = false;
  Host client_host;
  Host relay_host;
  Host other_host;
  CounterCell counters[kCounterRowCells]{};
  TrunkTraffic traffic[4]{};
  LegTraffic flow_traffic[1'000]{};
  LegTraffic session_traffic[1'024]{};

 private:
  void Join(const Host& host, const char* far, const char* near, const std::string& net) {
    {
      const Inside inside(host);
      EXPECT_TRUE(Ip(std::string("link add ") + far + " type veth peer name " + near));
      EXPECT_TRUE(Ip(std::string("link set ") + near + " netns " + relay_host.path()));
      EXPECT_TRUE(Ip("addr add 10.77." + net + ".2/24 dev " + far));
      EXPECT_TRUE(Ip("addr add fd77:" + net + "::2/64 dev " + far + " nodad"));
      EXPECT_TRUE(Ip(std::string("link set ") + far + " up"));
      CompleteChecksums(far);
      links_.push_back(AttachPass(far));
    }
    const Inside inside(relay_host);
    EXPECT_TRUE(Ip("addr add 10.77." + net + ".1/24 dev " + near));
    EXPECT_TRUE(Ip("addr add fd77:" + net + "::1/64 dev " + near + " nodad"));
    EXPECT_TRUE(Ip(std::string("link set ") + near + " up"));
  }

  std::vector<int> links_;
};

// Returns a datagram of the other relay with one record for session 5. Both sequences are `number`.
inline Bytes MakeTrunk(uint64_t number, const Bytes& data) {
  Bytes datagram(28);
  auto* header = reinterpret_cast<TrunkHeader*>(datagram.data());
  auto* record = reinterpret_cast<RecordHeader*>(datagram.data() + sizeof(TrunkHeader));
  header->SetType(TrunkType::kData);
  header->lane = 4;
  header->key_epoch.Set(Today());
  header->sequence.Set(number);
  record->session_index.Set(5);
  record->payload_bytes.Set(static_cast<uint16_t>(data.size()));
  record->session_sequence.Set(static_cast<uint16_t>(number));
  datagram.insert(datagram.end(), data.begin(), data.end());
  header = reinterpret_cast<TrunkHeader*>(datagram.data());
  StoreLe64(header->tag, DataTag(kKey, datagram.data(), datagram.size()));
  return datagram;
}

}  // namespace turnpike::test
