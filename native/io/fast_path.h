// What may forward beside the workers, before they see a packet. It is told of every entry first,
// and whatever it does not take comes to the workers as ever.
#pragma once

#include <cstdint>

#include "table/flow_table.h"
#include "table/session_table.h"
#include "table/shared_sequences.h"
#include "table/trunk_peers.h"

namespace turnpike {

// Controlling thread.
class FastPath {
 public:
  virtual ~FastPath() = default;

  // The cells that it counts sequences in. They stay as long as the workers run.
  virtual SharedSequences shared_sequences() = 0;

  // Each as in Controller; nothing fails, since the workers have the entry as well. PutFlow returns
  // the flow's cell, or 0 when it has none.
  // `place` is the number that what it carries is counted by.
  virtual uint32_t PutFlow(const FlowKey& key, const FlowAction& action, uint32_t place,
                           Expiry expiry) = 0;
  // Changes when it ends, and nothing else.
  virtual void RefreshFlow(const FlowKey& key, Expiry expiry) = 0;
  virtual void RemoveFlow(const FlowKey& key) = 0;
  virtual void PutSession(const SessionAction& action, Expiry expiry) = 0;
  virtual void RefreshSession(uint32_t index, Expiry expiry) = 0;
  virtual void RemoveSession(uint32_t index) = 0;
  virtual void PutPeer(uint32_t relay_index, const TrunkPeer& peer) = 0;
  virtual void RemovePeer(uint32_t relay_index) = 0;
};

}  // namespace turnpike
