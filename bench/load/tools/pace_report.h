// Prints the final report of a generator.
#pragma once

#include "pacer.h"

namespace bench {

// Prints the report as one line of JSON.
void Print(const PaceReport& report);

}  // namespace bench
