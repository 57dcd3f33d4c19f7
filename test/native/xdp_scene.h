// One client, one relay and their flows.
#pragma once

#include <map>
#include <string>

#include "wire/trunk_datagram.h"
#include "xdp_path.h"

namespace turnpike::test {

struct XdpScene {
  static constexpr SipKey kKey{0x1122334455667788, 0x99aabbccddeeff00};
  static constexpr uint16_t kToday = 325;
  static constexpr uint32_t kRelayIndex = 2;
  static constexpr uint16_t kTurnChannel = 0x7001;
  // The bandwidth bucket of the flows of PutChannel.
  static constexpr uint32_t kBucket = 1;

  explicit XdpScene(XdpPath& with) : path(with) {
    path.SetToday(kToday);
    path.SetNextSequence(1000);
    path.PutDestination(0, tp_destination{0, 1500});
    path.PutHop(0, ToHop(kIngress));
    tp_remote_relay other{};
    other.generation = 9;
    other.lane_first = TP_LANE_FIRST;
    other.send_epoch = kToday;
    other.send_key = tp_key{kKey.k0, kKey.k1};
    other.receive[1] = tp_receive_key{tp_key{kKey.k0, kKey.k1}, kToday, 1};
    other.path = ToPath(trunk, relay);
    other.path.socket = TP_SOCKETS_PER_SIDE;
    SpreadSourcePorts(&other);
    path.PutRemoteRelay(kRelayIndex, other);
    tp_flow source{};
    source.kind = TP_TRUNK_SOURCE;
    source.relay_index = kRelayIndex;
    source.generation = 9;
    source.socket = TP_SOCKETS_PER_SIDE;
    PutFlow(MakeKey(relay, trunk, 0), source);
    tp_flow to_trunk = source;
    to_trunk.kind = TP_TO_TRUNK;
    to_trunk.socket = 0;
    to_trunk.session_index = TP_BE32(77);
    PutFlow(MakeKey(client, service, 0x4000), to_trunk);
    session.relay_index = kRelayIndex;
    session.generation = 9;
    session.channel = TP_BE16(0x4000);
    session.path = ToPath(service, client);
    path.PutSession(7, session);
  }

  // Adds the flows of a channel of an allocation: ChannelData to a peer's bare datagrams, and back.
  void PutChannel() {
    tp_flow flow{};
    flow.kind = TP_TO_PEER;
    flow.bucket = kBucket;
    flow.path = ToPath(relayed, peer);
    flow.path.socket = TP_RELAYED_FIRST;
    PutFlow(MakeKey(client, service, kTurnChannel), flow);
    flow.kind = TP_FROM_PEER;
    flow.channel = TP_BE16(kTurnChannel);
    flow.socket = TP_RELAYED_FIRST;
    flow.path = ToPath(service, client);
    PutFlow(MakeKey(peer, relayed, 0), flow);
  }
  Bytes FromClientToPeer(const Bytes& data, size_t padding = 0) const {
    Bytes message = ChannelData(kTurnChannel, data);
    message.resize(message.size() + padding, 0xee);
    return MakeFrame(client, service, message);
  }
  Bytes FromPeer(const Bytes& data) const { return MakeFrame(peer, relayed, data); }

  // Sets the expiry of all flows and sessions of peers; 0 means never.
  void Expire(uint32_t second) {
    for (auto& [key, flow] : flows) {
      if (flow.kind == TP_TRUNK_SOURCE) continue;
      flow.expires = second;
      tp_flow_key of;
      std::memcpy(&of, key.data(), sizeof(of));
      path.PutFlow(of, flow);
    }
    session.expires = second;
    path.PutSession(7, session);
  }

  static Bytes ChannelData(uint16_t channel, const Bytes& data) {
    Bytes message;
    Put16(&message, channel);
    Put16(&message, static_cast<uint32_t>(data.size()));
    message.insert(message.end(), data.begin(), data.end());
    return message;
  }

  // Returns a datagram of the relay with one record for session 7.
  Bytes Trunk(uint64_t sequence, const Bytes& data, uint16_t session_sequence = 0) const {
    Bytes datagram(28);
    auto* header = reinterpret_cast<TrunkHeader*>(datagram.data());
    auto* record = reinterpret_cast<RecordHeader*>(datagram.data() + sizeof(TrunkHeader));
    header->SetType(TrunkType::kData);
    header->lane = 4;
    header->key_epoch.Set(kToday);
    header->sequence.Set(sequence);
    record->session_index.Set(7);
    record->payload_bytes.Set(static_cast<uint16_t>(data.size()));
    record->session_sequence.Set(session_sequence);
    datagram.insert(datagram.end(), data.begin(), data.end());
    StoreLe64(reinterpret_cast<TrunkHeader*>(datagram.data())->tag,
              DataTag(kKey, datagram.data(), datagram.size()));
    return datagram;
  }

  Bytes FromClient(const Bytes& data) const {
    return MakeFrame(client, service, ChannelData(0x4000, data));
  }
  Bytes FromRelay(uint64_t sequence, const Bytes& data, uint16_t session_sequence = 0) const {
    return MakeFrame(relay, trunk, Trunk(sequence, data, session_sequence));
  }

  void PutFlow(const tp_flow_key& key, const tp_flow& flow) {
    flows[std::string(reinterpret_cast<const char*>(&key), sizeof(key))] = flow;
    path.PutFlow(key, flow);
  }

  XdpPath& path;
  std::map<std::string, tp_flow> flows;
  tp_session session{};
  TransportAddress client = ToTransportAddress("203.0.113.7:40000");
  TransportAddress service = ToTransportAddress("198.51.100.1:3478");
  TransportAddress trunk = ToTransportAddress("198.51.100.1:3480");
  TransportAddress relay = ToTransportAddress("192.0.2.20:3480");
  TransportAddress relayed = ToTransportAddress("198.51.100.1:50000");
  TransportAddress peer = ToTransportAddress("192.0.2.99:6000");
};

}  // namespace turnpike::test
