// Sessions: how a trunk record is forwarded, by session index, to a peer. The kernel chooses the
// worker that receives a remote lane, so every worker holds every session and has its own counters.
#pragma once

#include <cstdint>

#include "base/interface.h"
#include "base/mapped_array.h"
#include "table/expiry.h"
#include "table/five_tuple.h"

namespace turnpike {

struct SessionAction {
  // The session index: the low bits are the slot in the table, the high bits change with each use
  // of the slot.
  uint32_t index = 0;
  // The only relay that may use the session, and its generation, which tells apart the relays that
  // have had this index. Generation 0 marks an unbound index.
  uint32_t relay_index = 0;
  uint32_t generation = 0;
  // The client and its channel. With FlowChannel::kNone: a relayed endpoint, and the peer that
  // records come from.
  FiveTuple tuple;
  uint16_t channel = 0;

  bool IsToRelayed() const { return channel == static_cast<uint16_t>(FlowChannel::kNone); }
};

// The effect of a session sequence on the loss count.
struct SequenceStep {
  // Number of records missing between the newest earlier record and this one.
  uint16_t missing = 0;
  // This record was counted as missing before.
  bool late = false;
};

// The newest sequence of a session.
struct SessionSequence {
  bool started = false;
  uint16_t newest = 0;

  // Updates the state with the sequence of a record that passed the replay window, so it is no
  // duplicate.
  SequenceStep Step(uint16_t sequence) {
    const uint16_t ahead = static_cast<uint16_t>(sequence - newest);
    const uint16_t behind = static_cast<uint16_t>(newest - sequence);
    const bool first = !started;
    started = true;
    if (!first && ahead != 0 && ahead <= kSessionSequenceGapMax) {
      newest = sequence;
      return {static_cast<uint16_t>(ahead - 1), false};
    }
    if (!first && behind <= kSessionSequenceGapMax) return {0, true};
    newest = sequence;
    return {};
  }
};

// One cache line, so that a lookup costs at most one cache miss.
struct alignas(64) Session {
  SessionAction action;
  SessionSequence sequence;
  Expiry expiry;
};

static_assert(sizeof(Session) == 64);

// A table indexed by the low bits of the session index; its size is a power of two. The controlling
// thread changes the high bits with each use of a slot, so that records and closes of an old
// session do not match a new one. Pages that are never touched use no memory.
class SessionTable {
 public:
  // Returns the number of slots in a table for `sessions_max` sessions.
  static uint32_t Slots(uint32_t sessions_max) {
    uint32_t slots = 1;
    while (slots < sessions_max) slots *= 2;
    return slots;
  }

  Status Allocate(uint32_t sessions_max) {
    const uint32_t slots = Slots(sessions_max);
    mask_ = slots - 1;
    return sessions_.Allocate(slots);
  }

  uint32_t SlotOf(uint32_t index) const { return index & mask_; }
  // Returns the session at an index's slot. It is unbound if its generation is 0, and another
  // session if its index differs.
  Session& At(uint32_t index) { return sessions_[index & mask_]; }
  void Prefetch(uint32_t index) const { __builtin_prefetch(&sessions_[index & mask_]); }

 private:
  MappedArray<Session> sessions_;
  uint32_t mask_ = 0;
};

}  // namespace turnpike
