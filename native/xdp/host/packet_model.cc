#include "xdp/host/packet_model.h"

#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace turnpike {

namespace {

// Offsets of the known fields in their headers (RFC 791, RFC 8200, RFC 768).
constexpr size_t kIpv4Protocol = 9;
constexpr size_t kIpv4Source = 12;
constexpr size_t kIpv4Destination = 16;
constexpr size_t kIpv6NextHeader = 6;
constexpr size_t kIpv6Source = 8;
constexpr size_t kIpv6Destination = 24;
constexpr uint8_t kUdp = IPPROTO_UDP;

// Copies the bytes that a field and the part [offset, offset + length) have in common.
void Overlay(KnownBytes* part, size_t offset, size_t field, const uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (field + i >= offset) part->Set(field + i - offset, bytes + i, 1);
  }
}

bool HoldsFor(const KnownBytes& candidate, const std::vector<uint8_t>& mask, Comparison comparison,
              const std::vector<uint8_t>& data) {
  const size_t length = std::min(candidate.value.size(), data.size());
  bool all_known = candidate.value.size() >= data.size();
  bool differs = false;
  std::vector<uint8_t> masked(length);
  for (size_t i = 0; i < length; ++i) {
    const uint8_t bits = i < mask.size() ? mask[i] : 0xff;
    masked[i] = candidate.value[i] & bits;
    if (bits != 0 && candidate.known[i] == 0) {
      all_known = false;
    } else if (masked[i] != data[i]) {
      differs = true;
    }
  }
  if (comparison == Comparison::kEqual) return !differs;
  if (!all_known) return true;
  const int order = std::memcmp(masked.data(), data.data(), length);
  switch (comparison) {
    case Comparison::kNotEqual:
      return order != 0;
    case Comparison::kLess:
      return order < 0;
    case Comparison::kAtMost:
      return order <= 0;
    case Comparison::kAbove:
      return order > 0;
    default:
      return order >= 0;
  }
}

}  // namespace

Candidates PacketModel::Part(PacketHeader header, size_t offset, size_t length) const {
  Candidates candidates;
  if (!end_known) {
    candidates.emplace_back(length);
    if (header == PacketHeader::kNetwork) {
      Overlay(&candidates[0], offset, socket.is_ipv4 ? kIpv4Protocol : kIpv6NextHeader, &kUdp, 1);
    }
    return candidates;
  }
  if (header == PacketHeader::kTransport) {
    if (socket.has_all_ports) candidates.emplace_back(length);
    for (const uint16_t port : socket.ports) {
      const uint8_t bytes[2] = {static_cast<uint8_t>(port >> 8), static_cast<uint8_t>(port)};
      KnownBytes part(length);
      Overlay(&part, offset, inward ? 2 : 0, bytes, 2);
      candidates.push_back(std::move(part));
    }
    return candidates;
  }
  const bool ipv4 = socket.is_ipv4;
  const size_t own =
      ipv4 ? (inward ? kIpv4Destination : kIpv4Source) : (inward ? kIpv6Destination : kIpv6Source);
  for (const IpAddress& ip : socket.ips) {
    KnownBytes part(length);
    Overlay(&part, offset, ipv4 ? kIpv4Protocol : kIpv6NextHeader, &kUdp, 1);
    Overlay(&part, offset, own, ip.bytes.data() + (ipv4 ? 12 : 0), ipv4 ? 4 : 16);
    candidates.push_back(std::move(part));
  }
  return candidates;
}

Candidates PacketModel::DeviceNames() const {
  Candidates candidates;
  for (const HostScope::Device& device : scope.devices) {
    KnownBytes name(IFNAMSIZ);
    uint8_t bytes[IFNAMSIZ] = {};
    std::memcpy(bytes, device.name.data(), std::min<size_t>(device.name.size(), IFNAMSIZ - 1));
    name.Set(0, bytes, sizeof(bytes));
    candidates.push_back(std::move(name));
  }
  return candidates;
}

Candidates PacketModel::DeviceIndexes() const {
  Candidates candidates;
  for (const HostScope::Device& device : scope.devices) {
    KnownBytes index(sizeof(device.ifindex));
    index.Set(0, reinterpret_cast<const uint8_t*>(&device.ifindex), sizeof(device.ifindex));
    candidates.push_back(std::move(index));
  }
  return candidates;
}

bool MayHold(const Candidates& candidates, const std::vector<uint8_t>& mask, Comparison comparison,
             const std::vector<uint8_t>& data) {
  for (const KnownBytes& candidate : candidates) {
    if (HoldsFor(candidate, mask, comparison, data)) return true;
  }
  return false;
}

}  // namespace turnpike
