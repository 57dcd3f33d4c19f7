#include "io/command_queue.h"

#include "check.h"

namespace turnpike {
namespace {

TEST(FullAtItsLengthAndInOrder) {
  CommandQueue queue;
  CHECK(queue.Allocate().ok());
  Command command{};
  command.kind = Command::Kind::kProbe;
  // Over the end of the ring and on.
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < kCommandQueueLength; ++i) {
      CHECK(queue.HasRoom());
      command.index = i;
      queue.Push(command);
    }
    CHECK(!queue.HasRoom());
    for (uint32_t i = 0; i < kCommandQueueLength; ++i) {
      CHECK(queue.Pop(&command));
      CHECK_EQ(command.index, i);
    }
    CHECK(queue.Empty());
    CHECK(!queue.Pop(&command));
  }
  CHECK_EQ(queue.pushed(), 3u * kCommandQueueLength);
}

// AddressSanitizer's leak check is the judge.
TEST(RelaysThatNoWorkerTookAreFreed) {
  CommandQueue queue;
  CHECK(queue.Allocate().ok());
  Command command{};
  command.kind = Command::Kind::kPutPeer;
  command.peer = new TrunkPeer;
  queue.Push(command);
}

}  // namespace
}  // namespace turnpike
