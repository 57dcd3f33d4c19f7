#include "io/command_queue.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

TEST(CommandQueue, HoldsItsLengthAndKeepsOrder) {
  CommandQueue queue;
  EXPECT_TRUE(queue.Allocate().ok());
  Command command{};
  command.kind = Command::Kind::kProbe;
  // Several times past the end of the ring.
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

// Under AddressSanitizer a relay that is not freed is a leak, which fails the test.
TEST(CommandQueue, RelaysInTheQueueAreFreedWithIt) {
  CommandQueue queue;
  EXPECT_TRUE(queue.Allocate().ok());
  Command command{};
  command.kind = Command::Kind::kPutRemoteRelay;
  command.relay = new RemoteRelay;
  queue.Push(command);
}

}  // namespace
}  // namespace turnpike
