#include "xdp/host/proc_files.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace turnpike {

namespace {

// Parses `0A4D0101:0D96` or `[fd77:0001:…]:0D96`.
bool ReadService(const std::string& text, TransportAddress* service) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  service->port = static_cast<uint16_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 16));
  if (text.front() == '[') {
    const std::string ip = text.substr(1, colon - 2);
    return inet_pton(AF_INET6, ip.c_str(), service->ip.bytes.data()) == 1;
  }
  const uint32_t ip = htonl(static_cast<uint32_t>(std::strtoul(text.c_str(), nullptr, 16)));
  service->ip = IpAddress::FromIpv4(reinterpret_cast<const uint8_t*>(&ip));
  return true;
}

bool IsOf(const HostSocket& socket, const TransportAddress& service) {
  return std::count(socket.ips.begin(), socket.ips.end(), service.ip) > 0 &&
         socket.HasPort(service.port, service.port);
}

int ReadNumber(const std::string& path) {
  std::ifstream file(path);
  int number = 0;
  file >> number;
  return file.fail() ? 0 : number;
}

}  // namespace

void LookAtIpvs(std::istream& text, const HostScope& scope, Findings* findings) {
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    std::string kind;
    std::string service;
    words >> kind >> service;
    TransportAddress endpoint;
    const bool by_mark = kind == "FWM";
    if (!by_mark && (kind != "UDP" || !ReadService(service, &endpoint))) continue;
    for (const HostSocket& socket : scope.sockets) {
      if (!by_mark && !IsOf(socket, endpoint)) continue;
      AddFinding(findings,
                 Finding{FindingKind::kRedirect, "a virtual service (ipvsadm)", socket.bit(), {}});
    }
  }
}

void LookAtProcFiles(const HostScope& scope, Findings* findings) {
  std::ifstream services("/proc/thread-self/net/ip_vs");
  LookAtIpvs(services, scope, findings);
  const std::string folder = "/proc/sys/net/ipv4/conf/";
  const int everywhere = ReadNumber(folder + "all/rp_filter");
  for (const HostScope::Device& device : scope.devices) {
    // The higher of the two values applies. 2 is loose mode, which accepts any source that has a
    // route.
    if (std::max(everywhere, ReadNumber(folder + device.name + "/rp_filter")) != 1) continue;
    AddFinding(findings, Finding{FindingKind::kFilter,
                                 "strict reverse path filtering of " + device.name + " (rp_filter)",
                                 scope.SocketsOf(true),
                                 {}});
  }
}

}  // namespace turnpike
