// bpf(2) as far as the fast path needs it, without libbpf.
#pragma once

#include <errno.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace turnpike {

// The calls on a map's entries return 0 or -errno. A value of a per-CPU map is one for each
// possible CPU.
int UpdateBpfMap(int map, const void* key, const void* value);
int DeleteFromBpfMap(int map, const void* key);
int LookUpBpfMap(int map, const void* key, void* value);
// A value with a bpf_spin_lock, as no program is changing it.
int LookUpLockedBpfMap(int map, const void* key, void* value);

// The next key after `key`, or the first one after null or a key that is gone; -ENOENT at the end.
int NextBpfMapKey(int map, const void* key, void* next);

// Attaches a program to a device by a link, with XDP_FLAGS_*: the attachment lives as long as the
// link's descriptor, whatever ends the process. Returns the descriptor, which is closed on exec, or
// -errno.
int LinkXdp(int program, uint32_t ifindex, uint32_t flags);

// CPUs that the machine may ever have, which is what per-CPU maps are sized for.
uint32_t PossibleCpus();

// The elements of an array map that was made BPF_F_MMAPABLE, as memory that the program sees.
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
  // The kernel gives every element whole words.
  static constexpr size_t kStrideBytes = (sizeof(Element) + 7) / 8 * 8;

  uint8_t* memory_ = nullptr;
  size_t count_ = 0;
};

}  // namespace turnpike
