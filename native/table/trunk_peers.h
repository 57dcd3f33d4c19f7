// The other relays as a worker knows them: keys, where to send, and the replay windows.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/counter_cell.h"
#include "base/interface.h"
#include "base/mapped_array.h"
#include "base/siphash.h"
#include "table/five_tuple.h"
#include "table/fixed_table.h"
#include "table/replay_window.h"
#include "wire/trunk_datagram.h"

namespace turnpike {

// The first lane of path probes and their replies, behind the sets of lanes for data.
inline constexpr uint32_t kProbeLaneFirst = kWorkersMax * kLaneSets;
// PROTOCOL.md section 3: at most 10 answers a second per relay to data on unbound indexes.
inline constexpr uint32_t kUnboundEventsPerSecond = 10;

// A key of PROTOCOL.md section 4 and the day that it belongs to.
struct TrunkKey {
  uint16_t epoch;
  SipKey key;
};

// The keys of one direction.
template <uint32_t kKeysMax>
class TrunkKeyring {
 public:
  // False when there is no room.
  bool Add(uint16_t epoch, const SipKey& key) {
    if (count_ == kKeysMax) return false;
    keys_[count_++] = TrunkKey{epoch, key};
    return true;
  }

  // The key of exactly that day, or null.
  const SipKey* Find(uint16_t epoch) const {
    for (uint32_t i = 0; i < count_; ++i) {
      if (keys_[i].epoch == epoch) return &keys_[i].key;
    }
    return nullptr;
  }

  // The newest key that is not of a day to come, if there is one.
  std::optional<TrunkKey> NewestUntil(uint16_t today) const {
    const TrunkKey* newest = nullptr;
    for (uint32_t i = 0; i < count_; ++i) {
      const TrunkKey& key = keys_[i];
      if (key.epoch <= today && (newest == nullptr || key.epoch > newest->epoch)) newest = &key;
    }
    return newest == nullptr ? std::nullopt : std::optional<TrunkKey>(*newest);
  }

 private:
  std::array<TrunkKey, kKeysMax> keys_;
  uint32_t count_ = 0;
};

// What all workers share of one relay, from its first put to its removal. Any worker, atomically.
struct TrunkPeerShared {
  std::array<std::atomic<uint64_t>, kLanes> highest_sequence{};
  // Events about unbound indexes in the current second: second << 8 | count.
  std::atomic<uint64_t> unbound_events{0};

  // Whether one more event may be reported at this time.
  bool TakeUnboundEvent(uint64_t monotonic_ns);
};

// A way to a relay, as far as probes that come by it are answered.
struct TrunkWay {
  // From which of our trunk sockets, and to which of the relay's trunk addresses.
  uint16_t socket = 0;
  TransportAddress remote;
  // What we tell the relay about our own probes by this way.
  Heard heard = Heard::kUnknown;
};

// One relay, as one worker owns it. Made by the controlling thread, handed over whole.
struct TrunkPeer {
  // Tells apart the relays that have an index one after the other; never 0.
  uint32_t generation = 0;
  // Where trunk data goes: remote, local source if chosen, trunk socket.
  FiveTuple path;
  std::vector<TransportAddress> sources;
  TrunkKeyring<kSendKeysMax> send_keys;
  TrunkKeyring<kReceiveKeysMax> receive_keys;
  // The most records that it accepts in one datagram.
  uint32_t records_max = 1;
  std::shared_ptr<TrunkPeerShared> shared;
  // Added to the worker's lane, a multiple of kWorkersMax.
  uint8_t lane_offset = 0;
  // The longest bundle; no longer than the bundler's own limit.
  uint32_t bundle_bytes_max = 0;
  // Bit n: worker n sends from the trunk address itself in place of its own port.
  uint32_t lanes_closed = 0;
  // The bit of the worker that owns this.
  bool from_trunk_port = false;
  std::vector<TrunkWay> ways;

  // What we hear by the way that a datagram belongs to. Its source may be any port of the address.
  Heard HeardBy(const FiveTuple& tuple) const;
};

// Traffic with one relay as one worker saw it, in memory that JavaScript reads.
struct TrunkTraffic {
  CounterCell records_sent;
  CounterCell records_received;
  CounterCell records_lost;
};

// The relays as one worker knows them; used by that worker only.
class TrunkPeers {
 public:
  // `traffic` has one element for each relay and outlives the table.
  Status Allocate(uint32_t relays_max, const SipKey& hash_key, TrunkTraffic* traffic);

  // Adds or replaces a relay. A source address that another relay had goes to this one: the newest
  // registration is the one that counts.
  void Put(uint32_t relay_index, std::unique_ptr<TrunkPeer> peer);
  // Removes a relay and forgets its replay windows.
  void Remove(uint32_t relay_index);

  // The relay of an index, or null.
  TrunkPeer* Get(uint32_t relay_index) {
    return relay_index < relays_max_ ? peers_[relay_index].get() : nullptr;
  }
  // The index of the relay that sends from `source`, or null.
  const uint32_t* RelayIndexOf(const TransportAddress& source) { return sources_.Find(source); }
  // Whether some relay sends from a port of this address.
  bool KnowsIp(const IpAddress& ip) { return sources_.Find(TransportAddress{ip, 0}) != nullptr; }
  ReplayWindow& Window(uint32_t relay_index, uint8_t lane) {
    return windows_[relay_index].lanes[lane];
  }
  // Takes the sequence of a path probe or its reply, in a window of this worker alone. They come to
  // several ports, and so to several workers, out of order: what one has seen says nothing to
  // another. A worker takes none twice.
  ReplayVerdict AcceptProbe(uint32_t relay_index, uint8_t lane, uint64_t sequence) {
    Windows& windows = windows_[relay_index];
    return windows.probe_lanes[lane].Accept(windows.highest_probe[lane], sequence);
  }
  TrunkTraffic& Traffic(uint32_t relay_index) { return traffic_[relay_index]; }

 private:
  // Whole pages, so that those of a removed relay can be given back to the kernel.
  struct alignas(4096) Windows {
    ReplayWindow lanes[kLanes];
    // Pages that are never touched cost nothing.
    ReplayWindow probe_lanes[kLanes];
    std::atomic<uint64_t> highest_probe[kLanes];
  };

  void ForgetSources(uint32_t relay_index);
  // Counts the sources at an address, under port 0, which no source has.
  void CountIp(const IpAddress& ip);
  void UncountIp(const IpAddress& ip);

  uint32_t relays_max_ = 0;
  std::unique_ptr<std::unique_ptr<TrunkPeer>[]> peers_;
  MappedArray<Windows> windows_;
  // By source the relay's index; by address and port 0 the number of sources there.
  FixedTable<TransportAddress, uint32_t> sources_;
  TrunkTraffic* traffic_ = nullptr;
};

}  // namespace turnpike
