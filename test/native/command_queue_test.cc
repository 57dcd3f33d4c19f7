#include "io/command_queue.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

TEST(CommandQueue, FullAtItsLengthAndInOrder) {
  CommandQueue queue;
  EXPECT_TRUE(queue.Allocate().ok());
  Command command{};
  command.kind = Command::Kind::kProbe;
  // Over the end of the ring and on.
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < kCommandQueueLength; ++i) {
      EXPECT_TRUE(queue.HasRoom());
      command.index = i;
      queue.Push(command);
    }
    EXPECT_FALSE(queue.HasRoom());
    for (uint32_t i = 0; i < kCommandQueueLength; ++i) {
      EXPECT_TRUE(queue.Pop(&command));
      EXPECT_EQ(command.index, i);
    }
    EXPECT_TRUE(queue.Empty());
    EXPECT_FALSE(queue.Pop(&command));
  }
  EXPECT_EQ(queue.pushed(), 3u * kCommandQueueLength);
}

// AddressSanitizer's leak check is the judge.
TEST(CommandQueue, RelaysThatNoWorkerTookAreFreed) {
  CommandQueue queue;
  EXPECT_TRUE(queue.Allocate().ok());
  Command command{};
  command.kind = Command::Kind::kPutRemoteRelay;
  command.relay = new RemoteRelay;
  queue.Push(command);
}

}  // namespace
}  // namespace turnpike
