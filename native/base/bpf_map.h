// Wrappers of bpf(2), without libbpf.
#pragma once

#include <errno.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace turnpike {

// Operations on a map's entries. Each returns 0 or -errno. A value of a per-CPU map is an array
// with one element for each possible CPU.
int UpdateBpfMap(int map, const void* key, const void* value);
int DeleteFromBpfMap(int map, const void* key);
int LookUpBpfMap(int map, const void* key, void* value);
// Reads a value that contains a bpf_spin_lock while holding that lock.
int LookUpLockedBpfMap(int map, const void* key, void* value);

// Writes the key after `key` to `next`; the first key if `key` is null or no longer in the map.
// Returns -ENOENT at the end.
int NextBpfMapKey(int map, const void* key, void* next);

// Attaches a program to a device by a BPF link, with XDP_FLAGS_*. The program stays attached until
// the link's descriptor is closed, also by the end of the process. Returns the descriptor, which is
// close-on-exec, or -errno.
int LinkXdp(int program, uint32_t ifindex, uint32_t flags);

// Attaches a program to the socket lookups of the network namespace that a socket belongs to, until
// the link's descriptor is closed. Returns as LinkXdp.
int LinkSocketLookup(int program, int socket);

// Returns whether a link of LinkSocketLookup is still attached: its namespace may be gone, and an
// administrator may detach it.
bool IsAttachedSocketLookup(int link);

// Returns the number of possible CPUs, which is the number of elements in a value of a per-CPU map.
uint32_t PossibleCpus();

// The elements of an array map with BPF_F_MMAPABLE, mapped into user space.
template <typename Element>
class BpfArray {
 public:
  BpfArray() = default;
  ~BpfArray() { Unmap(); }
  BpfArray(const BpfArray&) = delete;
  BpfArray& operator=(const BpfArray&) = delete;

  // Maps all `count` elements of a map. The map's descriptor may be closed afterwards.
  Status Map(int map, size_t count) {
    void* memory = mmap(nullptr, count * kStrideBytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    if (memory == MAP_FAILED) return Status::System("cannot map a BPF array", errno);
    memory_ = static_cast<uint8_t*>(memory);
    count_ = count;
    return {};
  }
  void Unmap() {
    if (memory_ != nullptr) munmap(memory_, count_ * kStrideBytes);
    memory_ = nullptr;
  }

  Element& operator[](size_t index) {
    return *reinterpret_cast<Element*>(memory_ + index * kStrideBytes);
  }
  uint8_t* memory() { return memory_; }

 private:
  // The kernel rounds the size of an element up to 8 bytes.
  static constexpr size_t kStrideBytes = (sizeof(Element) + 7) / 8 * 8;

  uint8_t* memory_ = nullptr;
  size_t count_ = 0;
};

}  // namespace turnpike
