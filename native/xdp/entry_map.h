// The entries of one kind in a hash map of the program, with those that the map does not have: the
// kernel refused to store them, as it does without memory, or they may not be forwarded. User space
// keeps these with their cell, if they have one, and their destination. The next put or refresh
// stores those that may be forwarded. Until then their packets go to the sockets.
#pragma once

#include <cstring>
#include <map>
#include <type_traits>

#include "base/bpf_map.h"

namespace turnpike {

// Orders the keys of a map by their bytes.
template <typename Key>
struct KeyBefore {
  static_assert(std::has_unique_object_representations_v<Key>, "keys are compared as bytes");

  bool operator()(const Key& a, const Key& b) const { return std::memcmp(&a, &b, sizeof(a)) < 0; }
};

// Not thread-safe: the owner holds a lock.
template <typename Key, typename Value>
class EntryMap {
 public:
  // Call before any other method.
  void Open(int map) { map_ = map; }

  // Returns whether there is an entry, and copies its value.
  bool Find(const Key& key, Value* value) const {
    if (LookUpBpfMap(map_, &key, value) == 0) return true;
    if (kept_.empty()) return false;
    const auto found = kept_.find(key);
    if (found == kept_.end()) return false;
    *value = found->second;
    return true;
  }

  // Adds or replaces an entry. If it may be `forwarded`, the program gets it.
  void Put(const Key& key, const Value& value, bool forwarded = true) {
    if (forwarded && UpdateBpfMap(map_, &key, &value) == 0) {
      if (!kept_.empty()) kept_.erase(key);
      return;
    }
    // The entry before it may contradict the workers' entry, or expire later.
    DeleteFromBpfMap(map_, &key);
    kept_.insert_or_assign(key, value);
  }

  void Remove(const Key& key) {
    DeleteFromBpfMap(map_, &key);
    if (!kept_.empty()) kept_.erase(key);
  }

 private:
  int map_ = -1;
  std::map<Key, Value, KeyBefore<Key>> kept_;
};

}  // namespace turnpike
