// The comparators: what forwarding costs with no protocol at all.
#pragma once

#include <netinet/in.h>

#include <memory>

namespace bench {

// One direction: everything that comes in by this socket goes to this address.
struct Way {
  int fd;
  sockaddr_in destination;
};

class Reflector {
 public:
  virtual ~Reflector() = default;

  // Takes a batch from the way's socket, if one waits, and sends it on. Returns whether one did.
  virtual bool Turn(const Way& way) = 0;
};

// recvmmsg, then sendmmsg, of up to `batch` datagrams.
std::unique_ptr<Reflector> MakePlainReflector(unsigned batch);

// The same with UDP_GRO on arrival and UDP_SEGMENT on departure, of up to `batch` super-frames.
std::unique_ptr<Reflector> MakeOffloadReflector(unsigned batch);

// Sends all messages; what the kernel refuses is lost.
void SendAll(int fd, struct mmsghdr* messages, unsigned count);

}  // namespace bench
