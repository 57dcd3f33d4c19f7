// "Data of yours met no leg here": the bare Closed indication of PROTOCOL.md section 2, for a peer
// whose NAT gave it another port or whose leg has ended. Anybody can have it sent, and to any
// address, by a forged source: so it is never longer than what came, never goes to a relay, and
// is paid from a budget for each source and one for all.
#pragma once

#include <cstdint>

#include "base/interface.h"
#include "base/mapped_array.h"
#include "base/rate_limiter.h"
#include "base/siphash.h"
#include "base/units.h"
#include "forward/forwarder.h"
#include "table/relay_hosts.h"

namespace turnpike {

// Bare Closed indications a second to one source, in each worker.
inline constexpr uint64_t kClosedIndicationsPerSourcePerSecond = 10;
// Bare Closed indications at once to one source, in each worker.
inline constexpr uint64_t kClosedIndicationsPerSourceBurst = 20;
// Buckets of the budgets of sources: two sources that share one share a budget.
inline constexpr uint32_t kClosedIndicationSourcesMax = 8'192;

// One worker's.
class ClosedIndications {
 public:
  enum class Result : uint8_t { kSent, kOverBudget, kWithheld };

  // `relays` outlives it. `per_second` is for all sources together; 0 sends none.
  Status Allocate(const SipKey& hash_key, uint32_t per_second, const RelayHosts* relays);

  // After kSent `out` is the indication, made in the packet's own bytes.
  Result Answer(const Packet& packet, const Now& now, Outgoing* out);

 private:
  uint64_t Random();

  SipKey hash_key_;
  // Transaction ids are a SipHash of a counter under a key of their own: nobody can tell the next.
  SipKey random_key_;
  uint64_t random_counter_ = 0;
  uint64_t interval_ns_ = 0;
  uint64_t burst_ = 0;
  const RelayHosts* relays_ = nullptr;
  RateLimiter total_;
  MappedArray<RateLimiter> sources_;
};

}  // namespace turnpike
