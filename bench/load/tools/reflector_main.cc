// A reflector: sends every datagram received at one address to another address, optionally in two
// directions.
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdio>
#include <vector>

#include "arguments.h"
#include "clock.h"
#include "reflect.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace bench {
namespace {

// The relay's default, so that both lose packets at the same queue length.
constexpr int kSocketBufferBytes = 4 << 20;
constexpr unsigned kPlainBatch = 64;
// A UDP_GRO buffer has 64 KB. More of them would not fit in the L2 cache.
constexpr unsigned kOffloadBatch = 8;

volatile bool stop = false;

void OnSignal(int) { stop = true; }

// Opens a socket bound to `address`, as one direction.
Way OpenWay(const sockaddr_in& address, const sockaddr_in& destination, bool offload) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) FailSystem("cannot open a socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBufferBytes, sizeof(int));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBufferBytes, sizeof(int));
  const int on = 1;
  if (offload && setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)) != 0) FailSystem("UDP_GRO");
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    FailSystem("cannot bind");
  }
  return Way{fd, destination};
}

// Reflects until a signal arrives.
void ReflectAll(const std::vector<Way>& ways, Reflector& reflector) {
  std::vector<pollfd> sockets;
  for (const Way& way : ways) sockets.push_back(pollfd{way.fd, POLLIN, 0});
  while (!stop) {
    bool found = false;
    for (const Way& way : ways) found |= reflector.Turn(way);
    if (!found) poll(sockets.data(), sockets.size(), -1);
  }
}

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const bool offload = arguments.Number("offload", 0) != 0;
  const unsigned batch =
      static_cast<unsigned>(arguments.Number("batch", offload ? kOffloadBatch : kPlainBatch));
  PinToCpu(static_cast<int>(arguments.Real("cpu", -1)));
  std::vector<Way> ways;
  ways.push_back(OpenWay(arguments.Address("address"), arguments.Address("destination"), offload));
  if (!arguments.Text("back-address", "").empty()) {
    ways.push_back(
        OpenWay(arguments.Address("back-address"), arguments.Address("back-destination"), offload));
  }
  arguments.CheckAllUsed();
  // Without SA_RESTART, so that a signal interrupts the wait for a datagram.
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  std::printf("ready\n");
  std::fflush(stdout);
  const auto reflector = offload ? MakeOffloadReflector(batch) : MakePlainReflector(batch);
  ReflectAll(ways, *reflector);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
