#include "headers.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "arguments.h"

namespace bench {

namespace {

constexpr uint8_t kUdpProtocol = 17;

// Returns the sum of 16-bit words in memory order (RFC 1071 section 2), not folded.
uint64_t Sum(const uint8_t* bytes, size_t length) {
  uint64_t sum = 0;
  for (; length >= 4; bytes += 4, length -= 4) {
    uint32_t word;
    std::memcpy(&word, bytes, sizeof(word));
    sum += word;
  }
  if (length > 0) {
    uint32_t word = 0;
    std::memcpy(&word, bytes, length);
    sum += word;
  }
  return sum;
}

uint16_t Fold(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

void Store(uint8_t* at, uint16_t value) { std::memcpy(at, &value, sizeof(value)); }

}  // namespace

Mac ParseMac(const std::string& text) {
  Mac mac{};
  if (std::sscanf(text.c_str(), "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
                  &mac[4], &mac[5]) != 6) {
    Fail("not a MAC address: " + text);
  }
  return mac;
}

Mac MacOf(const std::string& interface) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFHWADDR, &request) != 0) FailSystem("cannot read the MAC of " + interface);
  close(fd);
  Mac mac{};
  std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  return mac;
}

sockaddr_in NthSource(sockaddr_in first, uint64_t number, uint64_t ports_per_address) {
  const uint64_t address = ntohl(first.sin_addr.s_addr) + number / ports_per_address;
  first.sin_addr.s_addr = htonl(static_cast<uint32_t>(address));
  const uint64_t port = ntohs(first.sin_port) + number % ports_per_address;
  first.sin_port = htons(static_cast<uint16_t>(port));
  return first;
}

void WriteHeaders(uint8_t* frame, const FrameHead& head, size_t payload_bytes) {
  std::memcpy(frame, head.destination_mac.data(), 6);
  std::memcpy(frame + 6, head.source_mac.data(), 6);
  Store(frame + 12, htons(0x0800));

  const uint16_t udp_bytes = static_cast<uint16_t>(kUdpBytes + payload_bytes);
  uint8_t* ip = frame + kEthernetBytes;
  std::memset(ip, 0, kIpv4Bytes);
  ip[0] = 0x45;
  Store(ip + 2, htons(static_cast<uint16_t>(kIpv4Bytes + udp_bytes)));
  ip[6] = 0x40;  // Don't fragment.
  ip[8] = 64;
  ip[9] = kUdpProtocol;
  std::memcpy(ip + 12, &head.source.sin_addr, 4);
  std::memcpy(ip + 16, &head.destination.sin_addr, 4);
  Store(ip + 10, static_cast<uint16_t>(~Fold(Sum(ip, kIpv4Bytes))));

  uint8_t* udp = frame + kUdpOffset;
  Store(udp, head.source.sin_port);
  Store(udp + 2, head.destination.sin_port);
  Store(udp + 4, htons(udp_bytes));
  Store(udp + 6, Fold(Sum(ip + 12, 8) + htons(kUdpProtocol) + htons(udp_bytes)));
}

void CompleteUdpChecksum(uint8_t* frame, size_t payload_bytes) {
  const size_t udp_bytes = kUdpBytes + payload_bytes;
  uint8_t* udp = frame + kUdpOffset;
  Store(udp + 6, 0);
  const uint64_t pseudo = Sum(frame + kEthernetBytes + 12, 8) + htons(kUdpProtocol) +
                          htons(static_cast<uint16_t>(udp_bytes));
  const uint16_t checksum = static_cast<uint16_t>(~Fold(pseudo + Sum(udp, udp_bytes)));
  // A checksum of zero would mean "no checksum" (RFC 768).
  Store(udp + 6, checksum == 0 ? 0xffff : checksum);
}

}  // namespace bench
