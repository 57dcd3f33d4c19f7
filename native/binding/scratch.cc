#include "binding/scratch.h"

#include <cstring>

namespace turnpike {

namespace {

constexpr uint32_t kCountsOffset = 40;
constexpr uint32_t kListsOffset = 60;
constexpr uint32_t kKeyBytes = 18;
constexpr uint32_t kWayBytes = kTransportAddressBytes + 4;
static_assert(kListsOffset + kTrunkSourcesMax * kTransportAddressBytes +
                  (kSendKeysMax + kReceiveKeysMax) * kKeyBytes + kTrunkWaysMax * kWayBytes <=
              kScratchBytes);

uint16_t ReadU16(const uint8_t* bytes) {
  uint16_t value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// A way: the remote endpoint, the socket, what is heard by it.
TrunkWay ReadWay(const uint8_t* bytes) {
  TrunkWay way;
  way.remote = ReadTransportAddress(bytes);
  way.socket = ReadU16(bytes + kTransportAddressBytes);
  way.heard = static_cast<Heard>(bytes[kTransportAddressBytes + 2]);
  return way;
}

template <uint32_t kKeysMax>
const uint8_t* ReadKeys(const uint8_t* bytes, uint16_t count, TrunkKeyring<kKeysMax>* keyring) {
  for (uint16_t i = 0; i < count; ++i, bytes += kKeyBytes) {
    keyring->Add(ReadU16(bytes), SipKey::FromBytes(bytes + 2));
  }
  return bytes;
}

}  // namespace

TransportAddress ReadTransportAddress(const uint8_t* bytes) {
  TransportAddress endpoint;
  std::memcpy(endpoint.ip.bytes.data(), bytes, 16);
  endpoint.port = ReadU16(bytes + 16);
  return endpoint;
}

FiveTuple ReadTuple(const uint8_t* bytes) {
  FiveTuple tuple;
  tuple.remote = ReadTransportAddress(bytes);
  std::memcpy(tuple.local.bytes.data(), bytes + 18, 16);
  const uint64_t high = ReadU16(bytes + 38);
  const uint32_t low = ReadU16(bytes + 34) | uint32_t{ReadU16(bytes + 36)} << 16;
  tuple.handle = TransportHandle::FromNumber(high << 32 | low);
  return tuple;
}

bool ReadTrunkPeer(const uint8_t* scratch, TrunkPeerSpec* spec) {
  const uint16_t sources = ReadU16(scratch + kCountsOffset);
  const uint16_t send_keys = ReadU16(scratch + kCountsOffset + 2);
  const uint16_t receive_keys = ReadU16(scratch + kCountsOffset + 4);
  spec->records_max = ReadU16(scratch + kCountsOffset + 6);
  const uint16_t lane_offset = ReadU16(scratch + kCountsOffset + 8);
  spec->bundle_bytes_max = ReadU16(scratch + kCountsOffset + 10);
  std::memcpy(&spec->lanes_closed, scratch + kCountsOffset + 12, sizeof(spec->lanes_closed));
  const uint16_t ways = ReadU16(scratch + kCountsOffset + 16);
  if (spec->records_max == 0 || sources > kTrunkSourcesMax || send_keys > kSendKeysMax ||
      receive_keys > kReceiveKeysMax || ways > kTrunkWaysMax || lane_offset > 0xff) {
    return false;
  }
  spec->lane_offset = static_cast<uint8_t>(lane_offset);
  spec->path = ReadTuple(scratch);
  const uint8_t* next = scratch + kListsOffset;
  for (uint16_t i = 0; i < sources; ++i, next += kTransportAddressBytes) {
    spec->sources.push_back(ReadTransportAddress(next));
  }
  next = ReadKeys(next, send_keys, &spec->send_keys);
  next = ReadKeys(next, receive_keys, &spec->receive_keys);
  for (uint16_t i = 0; i < ways; ++i, next += kWayBytes) spec->ways.push_back(ReadWay(next));
  return true;
}

}  // namespace turnpike
