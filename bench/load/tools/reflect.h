// The comparators: what forwarding costs with no protocol at all.
#pragma once

#include <netinet/in.h>

namespace bench {

struct ReflectOptions {
  int fd;
  // Everything goes here.
  sockaddr_in destination;
  // Most datagrams, or super-frames, taken in one system call.
  unsigned batch;
};

// recvmmsg, then sendmmsg. Returns when `stop` is true and a signal has come.
void ReflectPlain(const ReflectOptions& options, const volatile bool& stop);

// The same with UDP_GRO on arrival and UDP_SEGMENT on departure.
void ReflectOffload(const ReflectOptions& options, const volatile bool& stop);

// Sends all messages; what the kernel refuses is lost.
void SendAll(int fd, struct mmsghdr* messages, unsigned count);

}  // namespace bench
