#include "xdp/devices.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace turnpike {

bool ReadDevice(const std::string& name, Device* device) {
  if (name.size() >= IFNAMSIZ) return false;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  ifreq request{};
  std::memcpy(request.ifr_name, name.c_str(), name.size());
  bool ok = ioctl(fd, SIOCGIFINDEX, &request) == 0;
  device->ifindex = static_cast<uint32_t>(request.ifr_ifindex);
  ok = ok && ioctl(fd, SIOCGIFMTU, &request) == 0;
  device->mtu = static_cast<uint32_t>(request.ifr_mtu);
  ok = ok && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
  device->running = (request.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
  ok = ok && ioctl(fd, SIOCGIFHWADDR, &request) == 0;
  ok = ok && request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
  std::memcpy(device->mac.bytes, request.ifr_hwaddr.sa_data, sizeof(device->mac.bytes));
  close(fd);
  return ok;
}

std::vector<IpAddress> LocalAddresses(const std::vector<std::string>& devices) {
  constexpr unsigned kAlone = IFF_LOOPBACK | IFF_NOARP;
  std::vector<IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const bool ours = std::count(devices.begin(), devices.end(), entry->ifa_name) > 0;
    if (!ours && (entry->ifa_flags & kAlone) == 0) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
      if (ntohl(ipv4->sin_addr.s_addr) >> 24 == 127) continue;
      addresses.push_back(
          IpAddress::FromIpv4(reinterpret_cast<const uint8_t*>(&ipv4->sin_addr.s_addr)));
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&ipv6->sin6_addr)) continue;
      if (IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr)) continue;
      IpAddress ip;
      std::memcpy(ip.bytes.data(), &ipv6->sin6_addr, ip.bytes.size());
      addresses.push_back(ip);
    }
  }
  freeifaddrs(list);
  return addresses;
}

}  // namespace turnpike
