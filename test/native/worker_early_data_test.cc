// The order in which a worker executes commands, serves early data and receives.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>

#include "io/socket_address.h"
#include "loopback_socket.h"
#include "plane_fixture.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::LoopbackSocket;
using test::PlaneFixture;
using test::WaitFor;

// A client with an allocation, and a peer.
struct Scene : PlaneFixture {
  Scene() : PlaneFixture(1) {
    tuple.handle = TransportHandle::OfListener(Side::kClient, 0);
    tuple.remote = client.socket.address();
    EXPECT_EQ(controller->OpenEndpoint(0, EndpointKind::kRelayed,
                                       test::ToTransportAddress("127.0.0.1:0"), &relayed),
              StatusCode::kOk);
    DrainOne();
    FlowAction action;
    action.kind = FlowAction::Kind::kAllocation;
    action.tuple.handle = relayed;
    EXPECT_EQ(controller->PutClientFlow(0, SendKey(tuple, true), action, 600), StatusCode::kOk);
    WaitFor([&] { return Count(Counter::kCommandsApplied) == 2; });
  }

  // Waits for something that is handed up.
  void DrainOne() {
    alignas(8) uint8_t buffer[4'096];
    WaitFor([&] { return controller->Drain(buffer, sizeof(buffer), {1, 1, 1}) > 0; });
  }
  // Has a request of the client awaited.
  void Ask() {
    client.Send(client_address(), test::FromHex("000900002112a4420102030405060708090a0b0c"));
    DrainOne();
  }
  void SendOn(uint16_t channel, uint8_t payload) {
    client.Send(client_address(), Bytes{static_cast<uint8_t>(channel >> 8),
                                        static_cast<uint8_t>(channel), 0, 1, payload});
  }
  void Bind(uint16_t channel) {
    FlowAction action;
    action.kind = FlowAction::Kind::kPeer;
    action.tuple.handle = relayed;
    action.tuple.remote = peer.socket.address();
    EXPECT_EQ(controller->PutClientFlow(0, FlowKey{tuple, channel}, action, 600), StatusCode::kOk);
  }
  void Remove(uint16_t channel) {
    EXPECT_EQ(controller->RemoveClientFlow(0, FlowKey{tuple, channel}), StatusCode::kOk);
  }

  LoopbackSocket client;
  LoopbackSocket peer;
  FiveTuple tuple;
  TransportHandle relayed;
};

// A later datagram wakes the worker, which finds the command then: wakes for commands are held.
TEST(WorkerEarlyData, NothingOvertakesWhatWasHeldForTheEntryOfAWaitingCommand) {
  Scene scene;
  uint64_t dropped = 0;
  uint32_t in_time = 0;
  for (uint16_t channel = 0x4000; in_time < 50; ++channel) {
    scene.Ask();
    const uint64_t held = scene.Count(Counter::kEarlyData);
    scene.SendOn(channel, 1);
    WaitFor([&] {
      return scene.Count(Counter::kEarlyData) + scene.Count(Verdict::kChannelUnknown) >
             held + dropped;
    });
    scene.controller->Hold();
    scene.Bind(channel);
    scene.SendOn(channel, 2);
    const Bytes first = scene.peer.Receive();
    scene.controller->Release();
    const uint64_t dropped_before = dropped;
    dropped = scene.Count(Verdict::kChannelUnknown);
    scene.Remove(channel);
    // What is held longer than 500 ms, as on a busy machine, has been dropped.
    if (dropped > dropped_before) continue;
    ++in_time;
    EXPECT_TRUE(first == Bytes{1});
    EXPECT_TRUE(scene.peer.Receive() == Bytes{2});
  }
}

}  // namespace
}  // namespace turnpike
