#pragma once

#include <cstdint>

#include "base/units.h"

namespace turnpike {

// The host's clocks, as the forwarder takes them.
Now ReadClock();

// Where a plane's lane counters start: Unix time × 2^32, the fraction of the second included, so
// that a relay that restarts within one second still starts above everything it has sent. Within
// this process it is above any earlier plane's even if the clock was set back meanwhile.
uint64_t NextInitialSequence();

}  // namespace turnpike
