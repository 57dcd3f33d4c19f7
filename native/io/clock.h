#pragma once

#include <cstdint>

#include "base/units.h"
#include "table/expiry.h"

namespace turnpike {

// The host's clocks, as the forwarder takes them.
Now ReadClock();

// The end of an entry that lasts so many seconds from now; 0 is for ever.
Expiry ExpiryAfter(uint32_t lifetime_seconds);

// Where a plane's lane counters start: Unix time × 2^32, the fraction of the second included, so
// that a relay that restarts within one second still starts above everything it has sent. Within
// this process it is above any earlier plane's even if the clock was set back meanwhile.
uint64_t NextInitialSequence();

}  // namespace turnpike
