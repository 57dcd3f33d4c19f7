// Waiting for a signal to end the program.
#pragma once

namespace bench {

// Blocks SIGTERM and SIGINT. Call it before anything that must be undone at exit.
void HoldEndSignals();

// Waits for SIGTERM or SIGINT.
void WaitForEndSignal();

}  // namespace bench
