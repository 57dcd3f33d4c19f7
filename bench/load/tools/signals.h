// The end of a program of the rig.
#pragma once

namespace bench {

// Blocks SIGTERM and SIGINT; call it before anything that must be undone.
void HoldEndSignals();

// Waits for one of them.
void WaitForEndSignal();

}  // namespace bench
