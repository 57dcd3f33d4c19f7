// Sockets of the other ends in the tests of data planes on loopback.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "io/socket_address.h"
#include "io/udp_socket.h"
#include "support.h"

namespace turnpike::test {

// A socket of a client or a peer on loopback.
struct LoopbackSocket {
  LoopbackSocket() {
    EXPECT_TRUE(socket.OpenFirst(ToTransportAddress("127.0.0.1:0"), 1 << 20).ok());
  }

  void Send(const TransportAddress& to, const Bytes& data) {
    SocketAddress address;
    const socklen_t length = ToSocketAddress(to, &address);
    EXPECT_EQ(sendto(socket.fd(), data.data(), data.size(), 0, &address.any, length),
              static_cast<ssize_t>(data.size()));
  }
  // Returns the next datagram; empty after the timeout.
  Bytes Receive(int timeout_ms = 10'000) {
    pollfd ready{socket.fd(), POLLIN, 0};
    if (poll(&ready, 1, timeout_ms) != 1) return {};
    Bytes data(2'048);
    const ssize_t length = recv(socket.fd(), data.data(), data.size(), 0);
    data.resize(length < 0 ? 0 : static_cast<size_t>(length));
    return data;
  }

  UdpSocket socket;
};

}  // namespace turnpike::test
