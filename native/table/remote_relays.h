// The other relays as one worker knows them: keys, paths and replay windows.
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
// Maximum events per second and relay about data on unbound session indexes (PROTOCOL.md section
// 3).
inline constexpr uint32_t kUnboundEventsPerSecond = 10;
// Modulus of the number of probes that replies tell (PROTOCOL.md section 4).
inline constexpr uint8_t kReceivedModulus = 255;

// A trunk key (PROTOCOL.md section 4) and its day.
struct TrunkKey {
  uint16_t epoch;
  SipKey key;
};

// The trunk keys of one direction.
template <uint32_t kKeysMax>
class TrunkKeyring {
 public:
  // Adds a key. Returns false if the keyring is full.
  bool Add(uint16_t epoch, const SipKey& key) {
    if (count_ == kKeysMax) return false;
    keys_[count_++] = TrunkKey{epoch, key};
    return true;
  }

  // Returns the key of exactly this day, or null.
  const SipKey* Find(uint16_t epoch) const {
    for (uint32_t i = 0; i < count_; ++i) {
      if (keys_[i].epoch == epoch) return &keys_[i].key;
    }
    return nullptr;
  }

  // Returns the newest key of today or an earlier day, if there is one.
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

// State of one relay that all workers share, from its first put to its removal. Accessed atomically
// by any worker.
struct RemoteRelayShared {
  std::array<std::atomic<uint64_t>, kLanes> highest_sequence{};
  // Events about unbound indexes in the current second, as second << 8 | count.
  std::atomic<uint64_t> unbound_events{0};

  // Returns whether another event may be reported at this time, and counts it.
  bool TakeUnboundEvent(uint64_t monotonic_ns);
};

// A path to a relay, for the replies to path probes that arrive by it.
struct TrunkPath {
  // The index of the local trunk socket, and the relay's trunk address.
  uint16_t socket = 0;
  TransportAddress remote;
  // What the reply tells the relay about this relay's own probes on the path.
  Heard heard = Heard::kUnknown;
  // Number of the relay's unpadded probes from exactly this address, modulo kReceivedModulus.
  uint8_t probes = 0;
};

// One relay in one worker's table. The controlling thread makes it and passes ownership to the
// worker.
struct RemoteRelay {
  // Tells apart the relays that have had this index; never 0.
  uint32_t generation = 0;
  // Path of trunk data: remote address, local source address if chosen, trunk socket.
  FiveTuple path;
  std::vector<TransportAddress> sources;
  TrunkKeyring<kSendKeysMax> send_keys;
  TrunkKeyring<kReceiveKeysMax> receive_keys;
  // Maximum number of records that the relay accepts in one datagram.
  uint32_t records_max = 1;
  std::shared_ptr<RemoteRelayShared> shared;
  // Added to the worker's lane number; a multiple of kWorkersMax.
  uint8_t lane_offset = 0;
  // Maximum bundle size in bytes, at most the bundler's own limit.
  uint32_t bundle_bytes_max = 0;
  // Bit n: worker n sends from the trunk address instead of its own source port.
  uint32_t lanes_closed = 0;
  // The bit of `lanes_closed` for the worker that owns this.
  bool from_trunk_port = false;
  std::vector<TrunkPath> paths;

  // Returns `heard` of the path that a datagram came by. An exact match of the source wins over a
  // match of its IP address alone.
  Heard HeardBy(const FiveTuple& tuple) const;
  // Counts a path probe without padding, and returns `received` of its reply: one more than the
  // number of those on this path, or 0 for a source that is no address of a path.
  uint8_t CountProbe(const FiveTuple& tuple);
  // Continues the counts of an earlier registration of the same process.
  void TakeProbeCounts(const RemoteRelay& before);
};

// Traffic with one relay, counted by one worker in memory that JavaScript reads.
struct TrunkTraffic {
  CounterCell records_sent;
  CounterCell records_received;
  CounterCell records_lost;
};

// One worker's table of relays; used by that worker only.
class RemoteRelays {
 public:
  // `traffic` has one element for each relay and outlives the table.
  Status Allocate(uint32_t relays_max, const SipKey& hash_key, TrunkTraffic* traffic);

  // Adds or replaces a relay. A source address that another relay had is assigned to this one: the
  // newest registration counts.
  void Put(uint32_t relay_index, std::unique_ptr<RemoteRelay> relay);
  // Removes a relay and its replay windows.
  void Remove(uint32_t relay_index);

  // Returns the relay of an index, or null.
  RemoteRelay* Get(uint32_t relay_index) {
    return relay_index < relays_max_ ? relays_[relay_index].get() : nullptr;
  }
  // Returns the index of the relay that sends from `source`, or null.
  const uint32_t* RelayIndexOf(const TransportAddress& source) { return sources_.Find(source); }
  // Returns whether any relay sends from a port of this IP address.
  bool KnowsIp(const IpAddress& ip) { return sources_.Find(TransportAddress{ip, 0}) != nullptr; }
  ReplayWindow& Window(uint32_t relay_index, uint8_t lane) {
    return windows_[relay_index].lanes[lane];
  }
  // Checks the sequence of a path probe or its reply in a window of this worker alone. Path probes
  // reach several ports, and so several workers, out of order; a window shared by the workers would
  // drop them. No worker accepts a sequence twice.
  ReplayVerdict AcceptProbe(uint32_t relay_index, uint8_t lane, uint64_t sequence) {
    Windows& windows = windows_[relay_index];
    return windows.probe_lanes[lane].Accept(windows.highest_probe[lane], sequence);
  }
  TrunkTraffic& Traffic(uint32_t relay_index) { return traffic_[relay_index]; }

 private:
  // Page-aligned, so that the pages of a removed relay can be returned to the kernel.
  struct alignas(4096) Windows {
    ReplayWindow lanes[kLanes];
    // Pages that are never touched use no memory.
    ReplayWindow probe_lanes[kLanes];
    std::atomic<uint64_t> highest_probe[kLanes];
  };

  void ForgetSources(uint32_t relay_index);
  // Counts the sources at an IP address, under port 0, which no source uses.
  void CountIp(const IpAddress& ip);
  void UncountIp(const IpAddress& ip);

  uint32_t relays_max_ = 0;
  std::unique_ptr<std::unique_ptr<RemoteRelay>[]> relays_;
  MappedArray<Windows> windows_;
  // Maps a source to its relay's index, and (IP, port 0) to the number of sources at that IP.
  FixedTable<TransportAddress, uint32_t> sources_;
  TrunkTraffic* traffic_ = nullptr;
};

}  // namespace turnpike
