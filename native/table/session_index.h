// What becomes of a trunk record: session index to a peer. Which worker a remote lane arrives at is
// the kernel's choice, so every worker holds every session; each counts for itself.
#pragma once

#include <cstdint>

#include "base/limits.h"
#include "base/mapped_array.h"
#include "table/five_tuple.h"

namespace turnpike {

struct SessionAction {
  // The only relay that may use the index, and which of the relays that had its slot; generation 0
  // is an unbound index.
  uint32_t slot = 0;
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

struct Session {
  SessionAction action;
  bool started = false;
  uint16_t newest_sequence = 0;

  // Takes the sequence of a record that passed the replay window, so it is no duplicate.
  SequenceStep Step(uint16_t sequence) {
    const uint16_t ahead = static_cast<uint16_t>(sequence - newest_sequence);
    const uint16_t behind = static_cast<uint16_t>(newest_sequence - sequence);
    const bool first = !started;
    started = true;
    if (!first && ahead != 0 && ahead <= kSessionSequenceGapMax) {
      newest_sequence = sequence;
      return {static_cast<uint16_t>(ahead - 1), false};
    }
    if (!first && behind <= kSessionSequenceGapMax) return {0, true};
    newest_sequence = sequence;
    return {};
  }
};

class SessionTable {
 public:
  Status Allocate(uint32_t sessions_max) { return sessions_.Allocate(sessions_max); }

  // Null when the index is beyond the table; a session of generation 0 is unbound.
  Session* Get(uint32_t index) { return index < sessions_.size() ? &sessions_[index] : nullptr; }

 private:
  MappedArray<Session> sessions_;
};

}  // namespace turnpike
