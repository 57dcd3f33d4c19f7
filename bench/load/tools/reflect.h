// Reflectors: the cost of forwarding without a protocol, for comparison.
#pragma once

#include <netinet/in.h>

#include <memory>

namespace bench {

// One direction: datagrams received on this socket are sent to this address.
struct Way {
  int fd;
  sockaddr_in destination;
};

class Reflector {
 public:
  virtual ~Reflector() = default;

  // Receives a batch from the socket, if one waits, and sends it on. Returns whether one waited.
  virtual bool Turn(const Way& way) = 0;
};

// Makes a reflector that calls recvmmsg, then sendmmsg, for up to `batch` datagrams.
std::unique_ptr<Reflector> MakePlainReflector(unsigned batch);

// Makes a reflector with UDP_GRO on receive and UDP_SEGMENT on send, for up to `batch`
// super-frames.
std::unique_ptr<Reflector> MakeOffloadReflector(unsigned batch);

// Sends all messages. What the kernel refuses is lost.
void SendAll(int fd, struct mmsghdr* messages, unsigned count);

}  // namespace bench
