// Tells the BPF program the time. A thread of its own does it, so that nothing that the upkeep
// thread waits for, such as the kernel's answer about the host's rules, makes entries live longer.
#pragma once

#include <pthread.h>

#include "base/status.h"
#include "xdp/xdp_tables.h"

namespace turnpike {

class ProgramClock {
 public:
  ProgramClock() = default;
  ~ProgramClock() { Stop(); }
  ProgramClock(const ProgramClock&) = delete;
  ProgramClock& operator=(const ProgramClock&) = delete;

  // Publishes the time now, and every kTellMs from now on. `tables` outlives the thread.
  Status Start(XdpTables* tables);
  // May be called repeatedly.
  void Stop();

 private:
  // Maximum age of the program's time in ms.
  static constexpr int kTellMs = 100;

  void Run();
  void Tell();

  XdpTables* tables_ = nullptr;
  // Readable when the thread is to end.
  int stop_fd_ = -1;
  bool running_ = false;
  pthread_t thread_{};
};

}  // namespace turnpike
