// A fixed-size array of zeroed memory from mmap(2). Pages that are never touched use no memory, so
// a table can be sized for its limit.
#pragma once

#include <errno.h>
#include <sys/mman.h>

#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/status.h"

namespace turnpike {

template <typename T>
class MappedArray {
  static_assert(std::is_trivially_destructible_v<T>, "elements are never destroyed");

 public:
  MappedArray() = default;
  ~MappedArray() { Release(); }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;

  // Maps `count` zeroed elements. Call once.
  Status Allocate(size_t count) {
    void* memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return Status::System("cannot map memory for a table", errno);
    data_ = static_cast<T*>(memory);
    count_ = count;
    return {};
  }

  T& operator[](size_t index) { return data_[index]; }
  const T& operator[](size_t index) const { return data_[index]; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return count_; }

 private:
  void Release() {
    if (data_ != nullptr) munmap(data_, count_ * sizeof(T));
  }

  T* data_ = nullptr;
  size_t count_ = 0;
};

}  // namespace turnpike
