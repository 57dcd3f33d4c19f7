// That structs which TypeScript reads are laid out as it has them. Made from
// src/native/interface.ts and counters.ts by `npm run build:interface`.
#pragma once

#include <cstddef>

#include "table/leg_traffic.h"
#include "table/remote_relays.h"

namespace turnpike {

static_assert(sizeof(TrunkTraffic) == 24);
static_assert(offsetof(TrunkTraffic, records_sent) == 0);
static_assert(offsetof(TrunkTraffic, records_received) == 8);
static_assert(offsetof(TrunkTraffic, records_lost) == 16);
static_assert(sizeof(LegTraffic) == 16);

}  // namespace turnpike
