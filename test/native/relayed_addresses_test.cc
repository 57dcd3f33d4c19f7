#include "table/relayed_addresses.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "forwarder_fixture.h"

namespace turnpike {
namespace {

IpAddress Ip(const std::string& text) { return test::ToTransportAddress(text + ":0").ip; }

TransportHandle Handle(uint8_t worker, uint32_t generation) {
  return {Transport::kUdp, worker, generation, 40};
}

TEST(RelayedAddresses, AnAddressIsFoundAsBoundAndAsAdvertised) {
  RelayedAddresses addresses;
  // The second one advertises what the first one is bound to.
  ASSERT_TRUE(
      addresses.Allocate({{Ip("10.0.0.5"), Ip("192.0.2.1")}, {Ip("10.0.0.6"), Ip("10.0.0.5")}})
          .ok());
  EXPECT_EQ(addresses.NumberOf(Ip("192.0.2.1")), 1);
  EXPECT_EQ(addresses.NumberOf(Ip("10.0.0.6")), 2);
  EXPECT_EQ(addresses.NumberOf(Ip("10.0.0.5")), 2);
  EXPECT_EQ(addresses.NumberOf(Ip("10.0.0.7")), RelayedAddresses::kNone);
  EXPECT_EQ(addresses.NumberOfBound(Ip("10.0.0.5")), 1);
  EXPECT_EQ(addresses.NumberOfBound(Ip("192.0.2.1")), RelayedAddresses::kNone);
  EXPECT_EQ(addresses.Advertised(1), Ip("192.0.2.1"));
}

TEST(RelayedAddresses, APortHasTheEndpointThatWasAddedLast) {
  RelayedAddresses addresses;
  ASSERT_TRUE(addresses.Allocate({{Ip("10.0.0.5"), Ip("10.0.0.5")}}).ok());
  EXPECT_EQ(addresses.At(1, 65'535).transport(), Transport::kNone);
  addresses.Add(1, 65'535, Handle(0, 1));
  EXPECT_EQ(addresses.At(1, 65'535), Handle(0, 1));
  EXPECT_EQ(addresses.At(1, 65'534).transport(), Transport::kNone);
  // Another worker has the port before the first one is done with its endpoint.
  addresses.Add(1, 65'535, Handle(1, 2));
  addresses.Remove(1, 65'535, Handle(0, 1));
  EXPECT_EQ(addresses.At(1, 65'535), Handle(1, 2));
  addresses.Remove(1, 65'535, Handle(1, 2));
  EXPECT_EQ(addresses.At(1, 65'535).transport(), Transport::kNone);
}

TEST(RelayedAddresses, WorkersReadWhileOthersWrite) {
  RelayedAddresses addresses;
  ASSERT_TRUE(addresses.Allocate({{Ip("10.0.0.5"), Ip("10.0.0.5")}}).ok());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (uint32_t i = 1; i < 20'000; ++i) {
      addresses.Add(1, 50'000, Handle(0, i));
      addresses.Remove(1, 50'000, Handle(0, i));
    }
    stop = true;
  });
  while (!stop) {
    const TransportHandle seen = addresses.At(1, 50'000);
    if (seen.transport() != Transport::kNone) EXPECT_EQ(seen.id(), 40);
  }
  writer.join();
}

}  // namespace
}  // namespace turnpike
