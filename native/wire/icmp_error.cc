#include "wire/icmp_error.h"

#include <cstring>

#include "base/byte_order.h"

namespace turnpike {

namespace {

constexpr uint8_t kIcmp = 1;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kFragmentHeader = 44;
// Code of an unreachable destination: the datagram was too long (RFC 1191 section 4).
constexpr uint8_t kFragmentationNeeded = 4;

struct Ipv4Header {
  uint8_t version_and_words;
  uint8_t traffic_class;
  Be16 length;
  Be16 id;
  Be16 fragment;
  uint8_t hop_limit;
  uint8_t protocol;
  Be16 checksum;
  uint8_t source[4];
  uint8_t destination[4];

  size_t bytes() const { return (version_and_words & 0xfu) * 4; }
  bool valid() const { return version_and_words >> 4 == 4 && bytes() >= sizeof(*this); }
  // Whether the payload begins with the header of the next protocol.
  bool first() const { return (fragment.Get() & 0x1fff) == 0; }
};
struct Ipv6Header {
  Be32 version_class_label;
  Be16 length;
  uint8_t next_header;
  uint8_t hop_limit;
  uint8_t source[16];
  uint8_t destination[16];
};
struct FragmentHeader {
  uint8_t next_header;
  uint8_t reserved;
  // In units of 8 bytes, in the upper 13 bits.
  Be16 offset;
  Be32 id;
};
struct IcmpHeader {
  uint8_t type;
  uint8_t code;
  Be16 checksum;
  Be32 info;
};
struct Ports {
  Be16 source;
  Be16 destination;
};
static_assert(sizeof(Ipv4Header) == 20 && sizeof(Ipv6Header) == 40 && sizeof(IcmpHeader) == 8);

// Takes a header from the front of a message. Returns null if it is too short.
template <typename Header>
const Header* Take(const uint8_t** data, size_t* length, size_t bytes = sizeof(Header)) {
  if (*length < bytes) return nullptr;
  const auto* header = reinterpret_cast<const Header*>(*data);
  *data += bytes;
  *length -= bytes;
  return header;
}

// Takes an IPv4 header with its options.
const Ipv4Header* TakeIpv4(const uint8_t** data, size_t* length) {
  if (*length < sizeof(Ipv4Header)) return nullptr;
  const auto* header = reinterpret_cast<const Ipv4Header*>(*data);
  return header->valid() ? Take<Ipv4Header>(data, length, header->bytes()) : nullptr;
}

// Returns whether the ones' complement sum of a message with its checksum is zero (RFC 1071).
bool HasValidChecksum(const uint8_t* data, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < length; i += 2) sum += data[i] << 8 | data[i + 1];
  if (length % 2 != 0) sum += data[length - 1] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

// The info that the kernel gives with an error of IPv4.
uint32_t InfoOf(const IcmpHeader& icmp) {
  const uint32_t info = icmp.info.Get();
  if (icmp.type == kIcmpParameterProblem) return info >> 24;
  const bool too_long = icmp.type == kIcmpUnreachable && icmp.code == kFragmentationNeeded;
  return too_long ? info & 0xffff : 0;
}

bool ReadPorts(const uint8_t* data, size_t length, IcmpError* error) {
  const Ports* const ports = Take<Ports>(&data, &length);
  if (ports == nullptr) return false;
  error->local.port = ports->source.Get();
  error->remote.port = ports->destination.Get();
  return true;
}

}  // namespace

bool ReadIcmpv4Error(const uint8_t* packet, size_t length, IcmpError* error) {
  const Ipv4Header* const outer = TakeIpv4(&packet, &length);
  if (outer == nullptr || outer->protocol != kIcmp || !outer->first()) return false;
  if (!HasValidChecksum(packet, length)) return false;
  const IcmpHeader* const icmp = Take<IcmpHeader>(&packet, &length);
  if (icmp == nullptr || (icmp->type != kIcmpUnreachable && icmp->type != kIcmpTimeExceeded &&
                          icmp->type != kIcmpParameterProblem)) {
    return false;
  }
  const Ipv4Header* const quoted = TakeIpv4(&packet, &length);
  if (quoted == nullptr || quoted->protocol != kUdp || !quoted->first()) return false;
  error->type = icmp->type;
  error->code = icmp->code;
  error->info = InfoOf(*icmp);
  error->local.ip = IpAddress::FromIpv4(quoted->source);
  error->remote.ip = IpAddress::FromIpv4(quoted->destination);
  return ReadPorts(packet, length, error);
}

bool ReadIcmpv6Error(const uint8_t* message, size_t length, IcmpError* error) {
  const IcmpHeader* const icmp = Take<IcmpHeader>(&message, &length);
  if (icmp == nullptr || icmp->type < kIcmpv6ErrorFirst || icmp->type > kIcmpv6ErrorLast) {
    return false;
  }
  const Ipv6Header* const quoted = Take<Ipv6Header>(&message, &length);
  if (quoted == nullptr || quoted->version_class_label.Get() >> 28 != 6) return false;
  uint8_t protocol = quoted->next_header;
  if (protocol == kFragmentHeader) {
    const FragmentHeader* const fragment = Take<FragmentHeader>(&message, &length);
    if (fragment == nullptr || fragment->offset.Get() >> 3 != 0) return false;
    protocol = fragment->next_header;
  }
  if (protocol != kUdp) return false;
  error->type = icmp->type;
  error->code = icmp->code;
  error->info = icmp->info.Get();
  std::memcpy(error->local.ip.bytes.data(), quoted->source, 16);
  std::memcpy(error->remote.ip.bytes.data(), quoted->destination, 16);
  return ReadPorts(message, length, error);
}

}  // namespace turnpike
