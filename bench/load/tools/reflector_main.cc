// A bare reflector: sends every datagram that arrives on one port to one address.
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "arguments.h"
#include "clock.h"
#include "reflect.h"

namespace bench {
namespace {

// The relay's own default, so that both lose at the same depth of queue.
constexpr int kSocketBufferBytes = 4 << 20;
constexpr unsigned kPlainBatch = 64;
// UDP_GRO buffers are 64 KB each: more of them would not fit the second-level cache.
constexpr unsigned kOffloadBatch = 8;

volatile bool stop = false;

void OnSignal(int) { stop = true; }

int Main(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const sockaddr_in address = arguments.Address("address");
  const bool offload = arguments.Number("offload", 0) != 0;
  ReflectOptions options;
  options.destination = arguments.Address("destination");
  options.batch =
      static_cast<unsigned>(arguments.Number("batch", offload ? kOffloadBatch : kPlainBatch));
  PinToCpu(static_cast<int>(arguments.Real("cpu", -1)));
  arguments.CheckAllUsed();
  // Without SA_RESTART, so that a signal ends the wait for a datagram.
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  options.fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (options.fd < 0) FailSystem("cannot open a socket");
  setsockopt(options.fd, SOL_SOCKET, SO_RCVBUF, &kSocketBufferBytes, sizeof(int));
  setsockopt(options.fd, SOL_SOCKET, SO_SNDBUF, &kSocketBufferBytes, sizeof(int));
  if (bind(options.fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    FailSystem("cannot bind");
  }
  std::printf("ready\n");
  std::fflush(stdout);
  if (offload) {
    ReflectOffload(options, stop);
  } else {
    ReflectPlain(options, stop);
  }
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
