#pragma once

#include <cstdint>

#include "base/units.h"
#include "table/expiry.h"

namespace turnpike {

// Reads the clocks for the forwarder.
Now ReadClock();

// Returns the expiry of an entry that lasts `lifetime_seconds` from now; 0 means never.
Expiry ExpiryAfter(uint32_t lifetime_seconds);

// Returns the initial sequence of a plane's lanes: Unix time × 2^32 with the fraction of the
// second. A relay that restarts within one second therefore starts above every sequence it has
// sent. Within one process the value exceeds that of every earlier plane even if the clock was set
// back.
uint64_t NextInitialSequence();

}  // namespace turnpike
