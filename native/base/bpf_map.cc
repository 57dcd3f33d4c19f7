#include "base/bpf_map.h"

#include <linux/bpf.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace turnpike {

namespace {

uint64_t ToWord(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

int Call(int command, bpf_attr* attributes) {
  const long result = syscall(__NR_bpf, command, attributes, sizeof(*attributes));
  return result < 0 ? -errno : static_cast<int>(result);
}

int CallOnEntry(int command, int map, const void* key, const void* value, uint64_t flags = 0) {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof(attributes));
  attributes.map_fd = static_cast<uint32_t>(map);
  attributes.key = ToWord(key);
  attributes.value = ToWord(value);
  attributes.flags = flags;
  return Call(command, &attributes);
}

}  // namespace

int UpdateBpfMap(int map, const void* key, const void* value) {
  return CallOnEntry(BPF_MAP_UPDATE_ELEM, map, key, value);
}

int DeleteFromBpfMap(int map, const void* key) {
  return CallOnEntry(BPF_MAP_DELETE_ELEM, map, key, nullptr);
}

int LookUpBpfMap(int map, const void* key, void* value) {
  return CallOnEntry(BPF_MAP_LOOKUP_ELEM, map, key, value);
}

int LookUpLockedBpfMap(int map, const void* key, void* value) {
  return CallOnEntry(BPF_MAP_LOOKUP_ELEM, map, key, value, BPF_F_LOCK);
}

int NextBpfMapKey(int map, const void* key, void* next) {
  return CallOnEntry(BPF_MAP_GET_NEXT_KEY, map, key, next);
}

int LinkXdp(int program, uint32_t ifindex, uint32_t flags) {
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof(attributes));
  attributes.link_create.prog_fd = static_cast<uint32_t>(program);
  attributes.link_create.target_ifindex = ifindex;
  attributes.link_create.attach_type = BPF_XDP;
  attributes.link_create.flags = flags;
  return Call(BPF_LINK_CREATE, &attributes);
}

int LinkSocketLookup(int program, int socket) {
  const int network_namespace = ioctl(socket, SIOCGSKNS);
  if (network_namespace < 0) return -errno;
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof(attributes));
  attributes.link_create.prog_fd = static_cast<uint32_t>(program);
  attributes.link_create.target_fd = static_cast<uint32_t>(network_namespace);
  attributes.link_create.attach_type = BPF_SK_LOOKUP;
  const int link = Call(BPF_LINK_CREATE, &attributes);
  close(network_namespace);
  return link;
}

bool IsAttachedSocketLookup(int link) {
  bpf_link_info info;
  std::memset(&info, 0, sizeof(info));
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof(attributes));
  attributes.info.bpf_fd = static_cast<uint32_t>(link);
  attributes.info.info_len = sizeof(info);
  attributes.info.info = ToWord(&info);
  // A link without a namespace has the inode number 0.
  return Call(BPF_OBJ_GET_INFO_BY_FD, &attributes) == 0 && info.netns.netns_ino != 0;
}

uint32_t PossibleCpus() {
  // Format: ranges and numbers separated by commas, such as "0-63". The last number is the highest
  // CPU.
  char text[256] = {};
  FILE* file = std::fopen("/sys/devices/system/cpu/possible", "re");
  const bool read = file != nullptr && std::fgets(text, sizeof(text), file) != nullptr;
  if (file != nullptr) std::fclose(file);
  if (!read) return static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_CONF));
  uint32_t number = 0;
  for (const char* c = text; *c != '\0'; ++c) {
    if (*c >= '0' && *c <= '9') {
      number = number * 10 + static_cast<uint32_t>(*c - '0');
    } else if (*c == '-' || *c == ',') {
      number = 0;
    }
  }
  return number + 1;
}

}  // namespace turnpike
