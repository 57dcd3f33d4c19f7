#include "xdp/host/bpf_hooks.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace turnpike {

namespace {

// Attach types since Linux 6.6; older headers lack them.
constexpr uint32_t kTcxIngress = 46;
constexpr uint32_t kTcxEgress = 47;

// Returns the number of attached programs; 0 also if the kernel lacks the attach type.
uint32_t CountPrograms(int target, uint32_t type, uint32_t flags) {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof(attributes));
  attributes.query.target_fd = static_cast<uint32_t>(target);
  attributes.query.attach_type = type;
  attributes.query.query_flags = flags;
  const long result = syscall(__NR_bpf, BPF_PROG_QUERY, &attributes, sizeof(attributes));
  return result == 0 || errno == ENOSPC ? attributes.query.prog_cnt : 0;
}

// Returns the path of a cgroup of version 2, wherever that hierarchy or a part of it that contains
// the group is mounted. Empty if it is not mounted.
std::string FolderOf(const std::string& group) {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    std::istringstream words(line);
    std::string id, parent, device, root, place;
    words >> id >> parent >> device >> root >> place;
    if (root == "/") root.clear();
    if (group.compare(0, root.size(), root) != 0) continue;
    const std::string folder = place + group.substr(root.size());
    if (access((folder + "/cgroup.procs").c_str(), F_OK) == 0) return folder;
  }
  return "";
}

// Opens the version 2 cgroup of this process, whose programs apply to its sockets. Returns -1 if
// none is mounted.
int OpenControlGroup() {
  std::ifstream groups("/proc/self/cgroup");
  std::string path;
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::", 0) == 0) path = line.substr(3);
  }
  const std::string folder = path.empty() ? "" : FolderOf(path);
  return folder.empty() ? -1 : open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void LookAtControlGroup(const HostScope& scope, Findings* findings) {
  const int group = OpenControlGroup();
  if (group < 0) return;
  const auto has = [group](uint32_t type) {
    return CountPrograms(group, type, BPF_F_QUERY_EFFECTIVE) > 0;
  };
  struct Place {
    uint32_t type;
    FindingKind kind;
    uint64_t sockets;
  };
  const Place places[] = {
      {BPF_CGROUP_UDP4_SENDMSG, FindingKind::kBpf, scope.SocketsOf(true)},
      {BPF_CGROUP_UDP6_SENDMSG, FindingKind::kBpf, scope.SocketsOf(false)},
      {BPF_CGROUP_UDP4_RECVMSG, FindingKind::kBpf, scope.SocketsOf(true)},
      {BPF_CGROUP_UDP6_RECVMSG, FindingKind::kBpf, scope.SocketsOf(false)},
      {BPF_CGROUP_INET_INGRESS, FindingKind::kFilter, scope.AllSockets()},
      {BPF_CGROUP_INET_EGRESS, FindingKind::kFilter, scope.AllSockets()},
  };
  for (const Place& place : places) {
    if (place.sockets == 0 || !has(place.type)) continue;
    const char* what = place.kind == FindingKind::kBpf
                           ? "a BPF program of the control group that may change addresses"
                           : "a BPF program of the control group that may drop";
    AddFinding(findings, Finding{place.kind, what, place.sockets, {}});
  }
  close(group);
}

}  // namespace

void LookAtBpf(const HostScope& scope, Findings* findings) {
  for (const HostScope::Device& device : scope.devices) {
    for (const uint32_t type : {kTcxIngress, kTcxEgress}) {
      if (CountPrograms(static_cast<int>(device.ifindex), type, 0) == 0) continue;
      AddFinding(findings,
                 Finding{FindingKind::kBpf, "it has a BPF program (tcx)", 0, device.name});
    }
  }
  const int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (here >= 0 && CountPrograms(here, BPF_SK_LOOKUP, 0) > 0) {
    AddFinding(findings, Finding{FindingKind::kBpf,
                                 "a BPF program that chooses sockets (sk_lookup)",
                                 scope.AllSockets(),
                                 {}});
  }
  if (here >= 0) close(here);
  LookAtControlGroup(scope, findings);
}

}  // namespace turnpike
