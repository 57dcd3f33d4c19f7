// Interface of a fast path, which forwards packets before the workers see them. It gets every entry
// before the workers. Packets that it does not forward go to the workers.
#pragma once

#include <cstdint>

#include "table/bandwidth_buckets.h"
#include "table/flow_table.h"
#include "table/remote_relays.h"
#include "table/session_table.h"
#include "table/shared_sequences.h"

namespace turnpike {

// Used by the controlling thread.
class FastPath {
 public:
  virtual ~FastPath() = default;

  // Returns its sequence cells, which live as long as the workers run.
  virtual SharedSequences shared_sequences() = 0;

  // Adds a relayed endpoint that is open, with the address that it is bound to. Flows from and to
  // any other are left to the workers.
  virtual void AddRelayed(TransportHandle relayed, const TransportAddress& bound) = 0;
  // Removes a relayed endpoint with all flows that come from its peers or lead to it.
  virtual void RemoveRelayed(TransportHandle relayed) = 0;
  // Returns the bandwidth buckets that it takes from, which live as long as the workers run. Flows
  // with any other are left to the workers.
  virtual BandwidthBuckets::Shared shared_buckets() = 0;
  // Tells whether any bandwidth bucket has a rate. While none has, it reads no bucket.
  virtual void SetAnyBounded(bool any) = 0;

  // As in Controller. None of these fails, because the workers have the entry too, and what the
  // fast path does not forward goes to them. PutFlow returns the cell with which the workers number
  // the flow's records, too, until the flow is removed or leads to another session; 0 if the fast
  // path does not forward the flow. `slot` is the index of the flow's traffic counters.
  virtual uint32_t PutFlow(const FlowKey& key, const FlowAction& action, uint32_t slot,
                           Expiry expiry) = 0;
  // Changes only the expiry. Whether the flow is still forwarded here changes neither its cell nor
  // its counters.
  virtual void RefreshFlow(const FlowKey& key, Expiry expiry) = 0;
  virtual void RemoveFlow(const FlowKey& key) = 0;
  // Counts the flow's traffic at another slot from now on.
  virtual void MoveFlow(const FlowKey& key, uint32_t slot) = 0;
  // Brings the flow's traffic counters up to date.
  virtual void CountFlow(const FlowKey& key) = 0;
  // Resets the traffic counters at a slot for another flow.
  virtual void ClearFlowTraffic(uint32_t slot) = 0;
  virtual void PutSession(const SessionAction& action, Expiry expiry) = 0;
  virtual void RefreshSession(uint32_t index, Expiry expiry) = 0;
  virtual void RemoveSession(uint32_t index) = 0;
  virtual void PutRemoteRelay(uint32_t relay_index, const RemoteRelay& relay) = 0;
  virtual void RemoveRemoteRelay(uint32_t relay_index) = 0;
};

}  // namespace turnpike
