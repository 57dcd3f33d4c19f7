// Endpoints: sockets that workers open and close while they run.
#include <dirent.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <map>
#include <vector>

#include "io/socket_address.h"
#include "loopback_socket.h"
#include "plane_fixture.h"
#include "stopped_thread.h"

namespace turnpike {
namespace {

using test::Bytes;
using test::LoopbackSocket;
using test::PlaneFixture;
using test::StoppedThread;
using test::WaitFor;

const Bytes kBinding = test::FromHex("000100002112a4420102030405060708090a0b0c");

// A plane and its reports.
struct Scene : PlaneFixture {
  using PlaneFixture::PlaneFixture;

  TransportHandle Ask(uint32_t worker, const TransportAddress& address) {
    TransportHandle handle;
    EXPECT_EQ(controller->OpenEndpoint(worker, EndpointKind::kClient, address, &handle),
              StatusCode::kOk);
    return handle;
  }
  // Opens an endpoint on loopback and waits for it.
  TransportHandle Open(uint32_t worker) {
    const TransportHandle handle = Ask(worker, test::ToTransportAddress("127.0.0.1:0"));
    const EndpointReport report = ReportOf(PuntKind::kEndpointOpened, handle);
    EXPECT_EQ(report.status, StatusCode::kOk);
    addresses[handle.ToNumber()] =
        TransportAddress{test::ToTransportAddress("127.0.0.1:0").ip, report.port};
    return handle;
  }
  void Close(TransportHandle handle) {
    EXPECT_EQ(controller->CloseEndpoint(handle), StatusCode::kOk);
    ReportOf(PuntKind::kEndpointClosed, handle);
  }
  // Waits for a report, removes it and returns it.
  EndpointReport ReportOf(PuntKind kind, TransportHandle handle) {
    EndpointReport found{};
    WaitFor([&] {
      Drain();
      for (auto report = reports.begin(); report != reports.end(); ++report) {
        if (report->kind != kind || report->handle != handle.ToNumber()) continue;
        found = *report;
        reports.erase(report);
        return true;
      }
      return false;
    });
    return found;
  }
  void Drain() {
    alignas(8) uint8_t buffer[16'384];
    const uint32_t bytes = controller->Drain(buffer, sizeof(buffer), {100, 100, 100});
    for (uint32_t at = 0; at < bytes;) {
      if (buffer[at] >= static_cast<uint8_t>(PuntKind::kEndpointOpened)) {
        std::memcpy(&reports.emplace_back(), buffer + at, sizeof(EndpointReport));
        at += sizeof(EndpointReport);
        continue;
      }
      PuntedDatagram head;
      std::memcpy(&head, buffer + at, sizeof(head));
      punted.push_back(head.handle);
      at += static_cast<uint32_t>(sizeof(head)) + ((head.data_bytes + 7u) & ~7u);
    }
  }
  const TransportAddress& AddressOf(TransportHandle handle) { return addresses[handle.ToNumber()]; }

  std::vector<EndpointReport> reports;
  std::vector<uint64_t> punted;
  std::map<uint64_t, TransportAddress> addresses;
};

FlowKey KeyOf(TransportHandle handle, const LoopbackSocket& peer, uint16_t channel) {
  FlowKey key;
  key.tuple.handle = handle;
  key.tuple.remote = peer.socket.address();
  key.channel = channel;
  return key;
}

FlowAction To(const FiveTuple& tuple) {
  FlowAction action;
  action.kind = FlowAction::Kind::kClient;
  action.channel = 0x4000;
  action.tuple = tuple;
  return action;
}

// Returns the descriptor of this process's socket at an address, or -1.
int DescriptorOf(const TransportAddress& address) {
  DIR* const folder = opendir("/proc/self/fd");
  int found = -1;
  while (const dirent* entry = readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    SocketAddress bound;
    socklen_t length = sizeof(bound);
    if (getsockname(fd, &bound.any, &length) != 0 || bound.any.sa_family != AF_INET) continue;
    if (FromSocketAddress(bound) == address) found = fd;
  }
  closedir(folder);
  return found;
}

// Two workers: what the peer sends to an endpoint of the first leaves by one of the second.
struct HandOverScene : Scene {
  HandOverScene() : Scene(2) {
    const FlowKey key = KeyOf(in, peer, 0x4001);
    EXPECT_EQ(controller->PutClientFlow(0, key, To(KeyOf(out, peer, 0).tuple)), StatusCode::kOk);
    WaitFor([&] { return Count(Counter::kCommandsApplied) == 3; });
  }

  LoopbackSocket peer;
  const TransportHandle in = Open(0);
  const TransportHandle out = Open(1);
};

TEST(Endpoints, ResponsesHaveThePortOrTheError) {
  Scene scene(2);
  const TransportHandle handle = scene.Open(1);
  EXPECT_NE(scene.AddressOf(handle).port, 0);
  const TransportHandle taken = scene.Ask(0, scene.AddressOf(handle));
  EndpointReport report = scene.ReportOf(PuntKind::kEndpointOpened, taken);
  EXPECT_EQ(report.status, StatusCode::kBind);
  EXPECT_EQ(report.error_number, static_cast<uint32_t>(EADDRINUSE));
  const TransportHandle nowhere = scene.Ask(0, test::ToTransportAddress("192.0.2.1:0"));
  report = scene.ReportOf(PuntKind::kEndpointOpened, nowhere);
  EXPECT_EQ(report.error_number, static_cast<uint32_t>(EADDRNOTAVAIL));
  // An endpoint that was not opened, or is closed, needs no further command.
  EXPECT_EQ(scene.controller->CloseEndpoint(taken), StatusCode::kOk);
  scene.Close(handle);
  EXPECT_EQ(DescriptorOf(scene.AddressOf(handle)), -1);
  EXPECT_EQ(scene.controller->CloseEndpoint(handle), StatusCode::kOk);
  const auto& commands = scene.pool.workers()[1]->commands();
  EXPECT_EQ(commands.pushed(), 2u);
}

TEST(Endpoints, InvalidAndExcessCommandsAreRefused) {
  Scene scene(1);
  TransportHandle handle;
  const TransportAddress address = test::ToTransportAddress("127.0.0.1:0");
  EXPECT_EQ(scene.controller->OpenEndpoint(1, EndpointKind::kClient, address, &handle),
            StatusCode::kInvalid);
  EXPECT_EQ(scene.controller->OpenEndpoint(0, static_cast<EndpointKind>(2), address, &handle),
            StatusCode::kInvalid);
  EXPECT_EQ(scene.controller->CloseEndpoint(TransportHandle::OfListener(Side::kClient, 0)),
            StatusCode::kInvalid);
  // A further command is refused while this many wait for a response.
  std::vector<TransportHandle> asked;
  for (uint32_t i = 0; i < kEndpointCommandsMax; ++i) asked.push_back(scene.Ask(0, address));
  EXPECT_EQ(scene.controller->OpenEndpoint(0, EndpointKind::kClient, address, &handle),
            StatusCode::kQueueFull);
  // An endpoint cannot be closed before its opening is reported.
  EXPECT_EQ(scene.controller->CloseEndpoint(asked[0]), StatusCode::kInvalid);
  for (const TransportHandle each : asked) scene.ReportOf(PuntKind::kEndpointOpened, each);
  for (const TransportHandle each : asked) scene.Close(each);
}

TEST(Endpoints, AFailedSocketEndsItsEndpointWithAReport) {
  Scene scene(2);
  LoopbackSocket peer;
  for (int round = 0; round < 3; ++round) {
    const TransportHandle handle = scene.Open(round % 2);
    const FlowKey key = KeyOf(handle, peer, 0x4000);
    EXPECT_EQ(scene.controller->PutClientFlow(kEveryWorker, key, To(key.tuple)), StatusCode::kOk);
    EXPECT_EQ(shutdown(DescriptorOf(scene.AddressOf(handle)), SHUT_RDWR), -1);
    EXPECT_EQ(errno, ENOTCONN);
    const EndpointReport report = scene.ReportOf(PuntKind::kEndpointEnded, handle);
    EXPECT_NE(report.error_number, 0u);
    EXPECT_EQ(DescriptorOf(scene.AddressOf(handle)), -1);
    // It accepts no flows and sends nothing. The close removes its flow.
    EXPECT_EQ(scene.controller->PutClientFlow(kEveryWorker, key, To(key.tuple)),
              StatusCode::kAddress);
    EXPECT_EQ(scene.controller->Send(Side::kClient, kEveryWorker, key.tuple, kBinding.data(), 20),
              StatusCode::kAddress);
    uint32_t number = 0;
    EXPECT_TRUE(scene.controller->FlowNumber(handle.worker(), key, &number));
    scene.Close(handle);
    EXPECT_FALSE(scene.controller->FlowNumber(handle.worker(), key, &number));
  }
}

TEST(Endpoints, DatagramsOfAClosedEndpointAreNotHandedUp) {
  Scene scene(1);
  LoopbackSocket peer;
  const TransportHandle handle = scene.Open(0);
  for (int i = 0; i < 20; ++i) peer.Send(scene.AddressOf(handle), kBinding);
  WaitFor([&] { return scene.Count(Verdict::kClientPunted) == 20; });
  EXPECT_EQ(scene.controller->CloseEndpoint(handle), StatusCode::kOk);
  // The worker applies the close before the datagrams are drained.
  WaitFor([&] { return scene.Count(Counter::kCommandsApplied) == 2; });
  scene.ReportOf(PuntKind::kEndpointClosed, handle);
  scene.Drain();
  EXPECT_TRUE(scene.punted.empty());
  EXPECT_EQ(scene.Count(Counter::kEndpointGone), 20u);
}

TEST(Endpoints, DatagramsForAnotherWorkersEndpointAreHandedOver) {
  HandOverScene scene;
  for (uint8_t i = 0; i < 100; ++i) {
    scene.peer.Send(scene.AddressOf(scene.in), Bytes{0x40, 0x01, 0, 1, i});
    EXPECT_TRUE(scene.peer.Receive() == (Bytes{0x40, 0x00, 0, 1, i}));
  }
  EXPECT_EQ(scene.Count(Counter::kHandedOver), 100u);
  EXPECT_EQ(scene.Count(Counter::kHandOverFull), 0u);
  scene.Close(scene.out);
  scene.peer.Send(scene.AddressOf(scene.in), Bytes{0x40, 0x01, 0, 1, 0});
  WaitFor([&] { return scene.Count(Counter::kEndpointGone) == 1; });
  EXPECT_TRUE(scene.peer.Receive(20).empty());
}

TEST(Endpoints, DatagramsForAStoppedWorkerWaitOrAreCounted) {
  constexpr uint64_t kBurstBytes = 512 * 1024;
  HandOverScene scene;
  Bytes message(1'204);
  message[0] = 0x40;
  message[1] = 0x01;
  message[2] = 1'200 >> 8;
  message[3] = 1'200 & 0xff;
  {
    const StoppedThread busy("turnpike-1");
    for (uint64_t sent = 1; scene.Count(Counter::kHandOverFull) == 0; ++sent) {
      scene.peer.Send(scene.AddressOf(scene.in), message);
      WaitFor([&] { return scene.Count(Verdict::kClientToClient) == sent; });
    }
  }
  const uint64_t handed_over = scene.Count(Counter::kHandedOver);
  EXPECT_EQ(handed_over + 1, scene.Count(Verdict::kClientToClient));
  EXPECT_EQ(scene.Count(Counter::kHandOverFull), 1u);
  // A burst is no loss.
  EXPECT_TRUE(handed_over * message.size() > kBurstBytes);
  WaitFor([&] { return scene.Count(Counter::kClientTxPackets) == handed_over; });
}

TEST(Endpoints, AStoppingWorkerSendsHandedOverDatagrams) {
  HandOverScene scene;
  {
    const StoppedThread busy("turnpike-1");
    scene.peer.Send(scene.AddressOf(scene.in), Bytes{0x40, 0x01, 0, 1, 7});
    WaitFor([&] { return scene.Count(Counter::kHandedOver) == 1; });
    scene.pool.workers()[1]->Stop();
  }
  EXPECT_TRUE(scene.peer.Receive() == (Bytes{0x40, 0x00, 0, 1, 7}));
}

TEST(Endpoints, ClosesAndRemovalsLeaveRoomForOpensAndPuts) {
  constexpr uint32_t kEndpoints = 3 * kEndpointCommandsPerTurn;
  Scene scene(1);
  LoopbackSocket peer;
  std::vector<TransportHandle> handles;
  for (uint32_t i = 0; i < kEndpoints; ++i) handles.push_back(scene.Open(0));
  const FiveTuple listener{
      peer.socket.address(), {}, TransportHandle::OfListener(Side::kClient, 0)};
  Controller& controller = *scene.controller;
  TransportHandle opened;
  {
    const StoppedThread busy("turnpike-0");
    const uint64_t pushed = scene.pool.workers()[0]->commands().pushed();
    for (uint32_t i = 0; i < kEndpoints; ++i) {
      EXPECT_EQ(controller.CloseEndpoint(handles[i]),
                i < kEndpointCommandsPerTurn ? StatusCode::kOk : StatusCode::kQueueFull);
    }
    // From the call on nothing is put for one that waits.
    const FlowKey gone = KeyOf(handles[kEndpoints - 1], peer, 0x4000);
    EXPECT_EQ(controller.PutClientFlow(0, gone, To(listener)), StatusCode::kAddress);
    while (controller.RemoveSession(1) == StatusCode::kOk) {
    }
    EXPECT_EQ(scene.pool.workers()[0]->commands().pushed(), pushed + kCommandsPerTurn);
    EXPECT_EQ(controller.RemoveSession(1), StatusCode::kQueueFull);
    EXPECT_EQ(controller.RemoveClientFlow(0, FlowKey{listener, 0x4000}), StatusCode::kQueueFull);
    EXPECT_EQ(controller.RemoveKnownClient(0, listener), StatusCode::kQueueFull);
    EXPECT_EQ(controller.PutClientFlow(0, FlowKey{listener, 0x4000}, To(listener)),
              StatusCode::kOk);
    opened = scene.Ask(0, test::ToTransportAddress("127.0.0.1:0"));
  }
  EXPECT_EQ(scene.ReportOf(PuntKind::kEndpointOpened, opened).status, StatusCode::kOk);
  for (uint32_t i = kEndpointCommandsPerTurn; i < kEndpoints; ++i) {
    WaitFor([&] {
      scene.Drain();
      return controller.CloseEndpoint(handles[i]) == StatusCode::kOk;
    });
  }
  for (const TransportHandle handle : handles) {
    scene.ReportOf(PuntKind::kEndpointClosed, handle);
    EXPECT_EQ(DescriptorOf(scene.AddressOf(handle)), -1);
  }
}

TEST(Endpoints, ClosingUnderTrafficLeavesNoFlowAndNoSocket) {
  constexpr uint32_t kEndpoints = 30;
  Scene scene(2);
  LoopbackSocket peer;
  for (int round = 0; round < 5; ++round) {
    std::vector<TransportHandle> handles;
    for (uint32_t i = 0; i < kEndpoints; ++i) handles.push_back(scene.Open(i % 2));
    for (uint32_t i = 0; i < kEndpoints; ++i) {
      const FlowKey key = KeyOf(handles[i], peer, 0x4000);
      const FlowKey next = KeyOf(handles[(i + 1) % kEndpoints], peer, 0x4000);
      EXPECT_EQ(scene.controller->PutClientFlow(kEveryWorker, key, To(next.tuple)),
                StatusCode::kOk);
      EXPECT_EQ(scene.controller->PutKnownClient(i % 2, key.tuple), StatusCode::kOk);
    }
    for (const TransportHandle handle : handles) {
      peer.Send(scene.AddressOf(handle), Bytes{0x40, 0x00, 0, 0});
      peer.Send(scene.AddressOf(handle), kBinding);
      EXPECT_EQ(scene.controller->CloseEndpoint(handle), StatusCode::kOk);
    }
    for (const TransportHandle handle : handles) {
      scene.ReportOf(PuntKind::kEndpointClosed, handle);
      uint32_t number = 0;
      for (uint32_t worker = 0; worker < 2; ++worker) {
        const FlowKey key = KeyOf(handle, peer, 0x4000);
        EXPECT_FALSE(scene.controller->FlowNumber(worker, key, &number));
      }
      EXPECT_EQ(DescriptorOf(scene.AddressOf(handle)), -1);
    }
  }
}

}  // namespace
}  // namespace turnpike
