// Hosts in unnamed network namespaces, joined by veth. A namespace is removed when its descriptor
// is closed, also if the test crashes.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/bpf_map.h"
#include "io/socket_address.h"
#include "support.h"

namespace turnpike::test {

// Runs a command of iproute2 in the namespace of this thread.
inline bool Ip(const std::string& arguments) {
  const std::string path = "PATH=$PATH:/usr/sbin:/sbin ip " + arguments + " >/dev/null 2>&1";
  return std::system(path.c_str()) == 0;
}

// The reason for skipping a test if Host::Make fails.
inline constexpr char kNoNamespaces[] = "network namespaces need root";

// A host: a network namespace.
class Host {
 public:
  // Creates the namespace. Returns false without the rights for it.
  bool Make() {
    const int before = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    const bool made = before >= 0 && unshare(CLONE_NEWNET) == 0;
    if (made) {
      fd_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
      if (!Ip("link set lo up")) fd_ = -1;
      if (setns(before, CLONE_NEWNET) != 0) std::abort();
    }
    if (before >= 0) close(before);
    return made && fd_ >= 0;
  }
  ~Host() {
    if (fd_ >= 0) close(fd_);
  }
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // The namespace as an argument for iproute2.
  std::string path() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

// Moves this thread into a host's namespace while it lives.
class Inside {
 public:
  explicit Inside(const Host& host)
      : before_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    if (before_ < 0 || setns(host.fd(), CLONE_NEWNET) != 0) std::abort();
  }
  ~Inside() {
    if (setns(before_, CLONE_NEWNET) != 0) std::abort();
    close(before_);
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  int before_;
};

// Sets an offload of a device, by its command of ethtool.
inline void SetOffload(const char* device, uint32_t command, bool on) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ethtool_value value{command, on};
  ifreq request{};
  std::strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  EXPECT_EQ(ioctl(fd, SIOCETHTOOL, &request), 0);
  close(fd);
}

// Makes the kernel complete checksums in software: frames of local sockets cross veth with
// unfinished checksums, unlike frames from a network.
inline void CompleteChecksums(const char* device) { SetOffload(device, ETHTOOL_STXCSUM, false); }

// Attaches an XDP program that passes every frame, because veth accepts redirected frames only if
// its peer has a program in its driver. Returns the link's descriptor.
inline int AttachPass(const char* device, uint32_t mode = XDP_FLAGS_DRV_MODE) {
  const bpf_insn instructions[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS},
                                   {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_XDP;
  attributes.insns = reinterpret_cast<uintptr_t>(instructions);
  attributes.insn_cnt = 2;
  attributes.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  const int program =
      static_cast<int>(syscall(__NR_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes)));
  const int link = LinkXdp(program, if_nametoindex(device), mode);
  EXPECT_TRUE(program >= 0 && link >= 0);
  close(program);
  return link;
}

// A UDP socket of the namespace that this thread is in when it is made.
class Udp {
 public:
  explicit Udp(const std::string& text) : address_(ToTransportAddress(text)) {
    SocketAddress address;
    const socklen_t length = ToSocketAddress(address_, &address);
    fd_ = socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(fd_, &address.any, length), 0);
  }
  ~Udp() { close(fd_); }
  Udp(const Udp&) = delete;
  Udp& operator=(const Udp&) = delete;

  void Send(const TransportAddress& to, const Bytes& data) {
    SocketAddress address;
    const socklen_t length = ToSocketAddress(to, &address);
    sendto(fd_, data.data(), data.size(), 0, &address.any, length);
  }
  // Receives the next datagram within `timeout_ms`, with its sender. Returns false if none arrives.
  bool Receive(Bytes* data, TransportAddress* from, int timeout_ms) {
    pollfd polled{fd_, POLLIN, 0};
    if (poll(&polled, 1, timeout_ms) != 1) return false;
    SocketAddress address;
    socklen_t length = sizeof(address);
    data->resize(65'536);
    const ssize_t got = recvfrom(fd_, data->data(), data->size(), 0, &address.any, &length);
    data->resize(got < 0 ? 0 : static_cast<size_t>(got));
    *from = FromSocketAddress(address);
    return got >= 0;
  }
  void Drain() {
    Bytes data;
    TransportAddress from;
    while (Receive(&data, &from, 0)) {
    }
  }
  const TransportAddress& address() const { return address_; }

 private:
  TransportAddress address_;
  int fd_ = -1;
};

}  // namespace turnpike::test
