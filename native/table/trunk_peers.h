// The other relays as a worker knows them: keys, where to send, and the replay windows.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/counter_cell.h"
#include "base/limits.h"
#include "base/mapped_array.h"
#include "base/siphash.h"
#include "table/five_tuple.h"
#include "table/fixed_table.h"
#include "table/replay_window.h"

namespace turnpike {

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

// One relay, as one worker owns it. Made by the controlling thread, handed over whole.
struct TrunkPeer {
  // Tells apart the relays that hold a slot one after the other; never 0.
  uint32_t generation = 0;
  // Where trunk data goes: remote, local source if chosen, trunk socket.
  FiveTuple path;
  std::vector<Endpoint> sources;
  TrunkKeyring<kSendKeysMax> send_keys;
  TrunkKeyring<kReceiveKeysMax> receive_keys;
  // The most records that it accepts in one datagram.
  uint32_t records_max = 1;
  std::shared_ptr<TrunkPeerShared> shared;
};

// Traffic of one slot as one worker saw it, in memory that JavaScript reads.
struct TrunkTraffic {
  CounterCell records_sent;
  CounterCell records_received;
  CounterCell records_lost;
};
static_assert(sizeof(TrunkTraffic) == 24);

// The slots of one worker; used by that worker only.
class TrunkPeers {
 public:
  // `traffic` has one element for each slot and outlives the table.
  Status Allocate(uint32_t slots, const SipKey& hash_key, TrunkTraffic* traffic);

  // Adds or replaces a relay. A source address that another slot held goes to this one: the newest
  // registration is the one that counts.
  void Put(uint32_t slot, std::unique_ptr<TrunkPeer> peer);
  // Removes a relay and forgets its replay windows.
  void Remove(uint32_t slot);

  // The relay in a slot, or null.
  TrunkPeer* Get(uint32_t slot) { return slot < slots_ ? peers_[slot].get() : nullptr; }
  // The slot whose relay sends from `source`, or null.
  const uint32_t* SlotOf(const Endpoint& source) { return sources_.Find(source); }
  ReplayWindow& Window(uint32_t slot, uint8_t lane) { return windows_[slot].lanes[lane]; }
  TrunkTraffic& Traffic(uint32_t slot) { return traffic_[slot]; }

 private:
  // Whole pages, so that those of a removed relay can be given back to the kernel.
  struct alignas(4096) Windows {
    ReplayWindow lanes[kLanes];
  };

  void ForgetSources(uint32_t slot);

  uint32_t slots_ = 0;
  std::unique_ptr<std::unique_ptr<TrunkPeer>[]> peers_;
  MappedArray<Windows> windows_;
  FixedTable<Endpoint, uint32_t> sources_;
  TrunkTraffic* traffic_ = nullptr;
};

}  // namespace turnpike
