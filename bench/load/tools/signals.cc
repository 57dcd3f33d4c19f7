#include "signals.h"

#include <signal.h>

namespace bench {

namespace {
sigset_t EndSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}
}  // namespace

void HoldEndSignals() {
  const sigset_t set = EndSignals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
}

void WaitForEndSignal() {
  const sigset_t set = EndSignals();
  int signal = 0;
  sigwait(&set, &signal);
}

}  // namespace bench
