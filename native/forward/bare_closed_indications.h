// Bare Closed indications (PROTOCOL.md section 2): the response to client data that matches no leg,
// for a peer whose NAT mapping changed or whose leg ended. A leg that ends tells its peer by a
// Closed with integrity, which TypeScript sends (src/overlay/leg-ends.ts).
//
// An attacker with a forged source address can direct the indications anywhere. Therefore an
// indication is never longer than the datagram that caused it, is never sent to a relay, and is
// limited by one budget per source and one in total.
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

// The indications of one worker.
class BareClosedIndications {
 public:
  enum class Result : uint8_t { kSent, kOverBudget, kWithheld };

  // `relays` outlives this object. `per_second` limits all sources together; 0 sends none.
  Status Allocate(const SipKey& hash_key, uint32_t per_second, const RelayHosts* relays);

  // Makes the indication in the packet's own bytes. With kSent, `out` is set to it.
  Result Answer(const Packet& packet, const Now& now, Outgoing* out);

 private:
  uint64_t Random();

  SipKey hash_key_;
  // Transaction ids are a SipHash of a counter under their own key, so they cannot be predicted.
  SipKey random_key_;
  uint64_t random_counter_ = 0;
  uint64_t interval_ns_ = 0;
  uint64_t burst_ = 0;
  const RelayHosts* relays_ = nullptr;
  RateLimiter total_;
  MappedArray<RateLimiter> sources_;
};

}  // namespace turnpike
