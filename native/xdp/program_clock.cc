#include "xdp/program_clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"
#include "base/units.h"
#include "xdp/coarse_clock.h"

namespace turnpike {

Status ProgramClock::Start(XdpTables* tables) {
  tables_ = tables;
  Tell();
  stop_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_fd_ < 0) return Status::System("cannot create an eventfd", errno);
  Status status = StartThread<ProgramClock, &ProgramClock::Run>("turnpike-clock", this, &thread_);
  running_ = status.ok();
  return status;
}

void ProgramClock::Stop() {
  if (running_) {
    const uint64_t one = 1;
    // Never fails: nobody else writes.
    [[maybe_unused]] const ssize_t written = write(stop_fd_, &one, sizeof(one));
    pthread_join(thread_, nullptr);
    running_ = false;
  }
  if (stop_fd_ >= 0) close(stop_fd_);
  stop_fd_ = -1;
}

void ProgramClock::Run() {
  pollfd stop{stop_fd_, POLLIN, 0};
  while (poll(&stop, 1, kTellMs) != 1) Tell();
}

void ProgramClock::Tell() { tables_->SetSecond(CoarseMonotonicNs() / kNsPerSecond); }

}  // namespace turnpike
