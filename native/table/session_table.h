// What becomes of a trunk record: session index to a peer. Which worker a remote lane arrives at is
// the kernel's choice, so every worker holds every session; each counts for itself.
#pragma once

#include <cstdint>

#include "base/interface.h"
#include "base/mapped_array.h"
#include "table/expiry.h"
#include "table/five_tuple.h"

namespace turnpike {

struct SessionAction {
  // The whole index: its low bits are the place in the table, the high ones change at every use.
  uint32_t index = 0;
  // The only relay that may use the session, and which of the relays of that index; generation 0
  // is an unbound index.
  uint32_t relay_index = 0;
  uint32_t generation = 0;
  FiveTuple tuple;
  uint16_t channel = 0;
};

// What a session sequence says about the records before it.
struct SequenceStep {
  // Records between the newest one before and this one that have not arrived.
  uint16_t missing = 0;
  // This one was counted as missing before.
  bool late = false;
};

// Where a session's sequence stands.
struct SessionSequence {
  bool started = false;
  uint16_t newest = 0;

  // Takes the sequence of a record that passed the replay window, so it is no duplicate.
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

// A cache line, so that looking one up costs one miss.
struct alignas(64) Session {
  SessionAction action;
  SessionSequence sequence;
  Expiry expiry;
};

static_assert(sizeof(Session) == 64);

// The low bits of an index are a place in the table, whose size is a power of two; the bits above
// let the controlling thread give each use of a place a new index, so that records and closes of
// an old use do not meet a new one. Pages never touched cost nothing.
class SessionTable {
 public:
  // Places in a table for `sessions_max` sessions.
  static uint32_t Places(uint32_t sessions_max) {
    uint32_t places = 1;
    while (places < sessions_max) places *= 2;
    return places;
  }

  Status Allocate(uint32_t sessions_max) {
    const uint32_t places = Places(sessions_max);
    mask_ = places - 1;
    return sessions_.Allocate(places);
  }

  uint32_t PlaceOf(uint32_t index) const { return index & mask_; }
  // What lies at the index's place; a session of generation 0 is unbound, and one of another index
  // is another one.
  Session& At(uint32_t index) { return sessions_[index & mask_]; }
  void Prefetch(uint32_t index) const { __builtin_prefetch(&sessions_[index & mask_]); }

 private:
  MappedArray<Session> sessions_;
  uint32_t mask_ = 0;
};

}  // namespace turnpike
