// A hash table of fixed capacity, used by one thread: open addressing with linear probing in a
// compact index, entries in a separate pool. Deletion shifts index buckets back, so there are no
// tombstones and probe lengths do not grow over time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/mapped_array.h"
#include "base/siphash.h"

namespace turnpike {

template <typename Key, typename Value>
class FixedTable {
  static_assert(std::has_unique_object_representations_v<Key>, "keys are hashed as bytes");
  static_assert(std::is_trivially_copyable_v<Value>);

 public:
  // `hash_key` must be random. Keys come from the network, and an attacker who can predict hashes
  // can make every probe long.
  Status Allocate(uint32_t entries_max, const SipKey& hash_key) {
    // A few entries, anywhere in the index, use all of its pages; so it is no larger than needed.
    buckets_ = entries_max + entries_max / 2 + 1;
    entries_max_ = entries_max;
    hash_key_ = hash_key;
    if (Status status = index_.Allocate(buckets_); !status.ok()) return status;
    return entries_.Allocate(entries_max);
  }

  uint32_t Hash(const Key& key) const {
    SipHash13 hash(hash_key_);
    hash.Update(&key, sizeof(key));
    return static_cast<uint32_t>(hash.Finish());
  }

  // Prefetches the index line where the probe for `hash` starts.
  void Prefetch(uint32_t hash) const { __builtin_prefetch(&index_[HomeOf(hash)]); }

  // Prefetches the entry that the probe most likely ends at. Call after Prefetch has taken effect.
  void PrefetchEntry(uint32_t hash) const {
    const Bucket& bucket = index_[HomeOf(hash)];
    if (bucket.entry == 0) return;
    const auto* entry = reinterpret_cast<const uint8_t*>(&entries_[bucket.entry - 1]);
    for (size_t line = 0; line < sizeof(Entry); line += 64) __builtin_prefetch(entry + line);
  }

  Value* Find(const Key& key) { return Find(key, Hash(key)); }

  Value* Find(const Key& key, uint32_t hash) {
    const uint32_t position = Probe(key, hash);
    return index_[position].entry == 0 ? nullptr : &EntryAt(position).value;
  }

  // Returns the value of `key`, value-initialized if it is new; null if the table is full.
  Value* FindOrInsert(const Key& key) {
    const uint32_t hash = Hash(key);
    const uint32_t position = Probe(key, hash);
    if (index_[position].entry != 0) return &EntryAt(position).value;
    if (size_ == entries_max_) return nullptr;
    const uint32_t entry = TakeEntry();
    index_[position] = Bucket{hash, entry};
    entries_[entry - 1].key = key;
    entries_[entry - 1].value = Value{};
    ++size_;
    return &entries_[entry - 1].value;
  }

  // Removes `key`. Returns whether it was there.
  bool Erase(const Key& key) {
    const uint32_t position = Probe(key, Hash(key));
    if (index_[position].entry == 0) return false;
    ReturnEntry(index_[position].entry);
    CloseGap(position);
    --size_;
    return true;
  }

  // Returns the number, from 0, of the entry that holds a value returned by Find or FindOrInsert.
  // Two tables with the same sequence of changes give equal numbers.
  uint32_t NumberOf(const Value* value) const {
    const auto* entry = reinterpret_cast<const Entry*>(reinterpret_cast<const uint8_t*>(value) -
                                                       offsetof(Entry, value));
    return static_cast<uint32_t>(entry - entries_.data());
  }

  // Return the value and the key of an entry by its number, whether the entry is in use or not.
  const Value& ValueOf(uint32_t number) const { return entries_[number].value; }
  Value& ValueOf(uint32_t number) { return entries_[number].value; }
  const Key& KeyOf(uint32_t number) const { return entries_[number].key; }

  uint32_t size() const { return size_; }
  bool full() const { return size_ == entries_max_; }

  // Size of an entry in bytes.
  static constexpr size_t EntryBytes() { return sizeof(Entry); }

 private:
  struct Bucket {
    uint32_t hash;
    // Number in the pool plus one; 0 marks an empty bucket.
    uint32_t entry;
  };
  struct Entry {
    Key key;
    // Number of the next free entry plus one, while this entry is free.
    uint32_t next_free;
    Value value;
  };

  Entry& EntryAt(uint32_t position) { return entries_[index_[position].entry - 1]; }

  // Returns the bucket where the probe for a hash starts.
  uint32_t HomeOf(uint32_t hash) const {
    return static_cast<uint32_t>(uint64_t{hash} * buckets_ >> 32);
  }
  uint32_t After(uint32_t position) const { return position + 1 == buckets_ ? 0 : position + 1; }
  // Returns the number of buckets from one to another.
  uint32_t Distance(uint32_t from, uint32_t to) const {
    return to >= from ? to - from : to + buckets_ - from;
  }

  // Returns the bucket that holds `key`, or the empty bucket where it belongs. Terminates because
  // at most two thirds of the buckets are used.
  uint32_t Probe(const Key& key, uint32_t hash) {
    uint32_t position = HomeOf(hash);
    while (index_[position].entry != 0) {
      if (index_[position].hash == hash &&
          std::memcmp(&EntryAt(position).key, &key, sizeof(Key)) == 0) {
        break;
      }
      position = After(position);
    }
    return position;
  }

  // Moves back each following bucket that comes nearer to its home position (Knuth, volume 3,
  // algorithm 6.4R).
  void CloseGap(uint32_t gap) {
    for (uint32_t next = After(gap); index_[next].entry != 0; next = After(next)) {
      const uint32_t distance_from_home = Distance(HomeOf(index_[next].hash), next);
      const uint32_t distance_from_gap = Distance(gap, next);
      if (distance_from_home < distance_from_gap) continue;
      index_[gap] = index_[next];
      gap = next;
    }
    index_[gap] = Bucket{0, 0};
  }

  uint32_t TakeEntry() {
    if (free_ == 0) return ++entries_used_;
    const uint32_t entry = free_;
    free_ = entries_[entry - 1].next_free;
    return entry;
  }

  void ReturnEntry(uint32_t entry) {
    entries_[entry - 1].next_free = free_;
    free_ = entry;
  }

  MappedArray<Bucket> index_;
  MappedArray<Entry> entries_;
  SipKey hash_key_;
  uint32_t buckets_ = 0;
  uint32_t entries_max_ = 0;
  uint32_t entries_used_ = 0;
  uint32_t free_ = 0;
  uint32_t size_ = 0;
};

}  // namespace turnpike
