// Early data of allocations: what arrives while the request for its permission or channel is on its
// way through TypeScript (RFC 8656 sections 10 and 12). Clients send both at once, and peers send
// as soon as they know a relayed address. A worker holds a few such datagrams until it has the
// entry, for clients whose request it has handed up and not seen answered, and for no others. Used
// by one thread; all memory is taken at the start.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/mapped_array.h"
#include "forward/forwarder.h"
#include "io/counters.h"

namespace turnpike {

// Early datagrams that a worker holds at once.
inline constexpr uint32_t kEarlyDatagramsMax = 64;
// Early datagrams of one client, and as many of its peers.
inline constexpr uint32_t kEarlyDatagramsOfClientMax = 4;
// Longest datagram in bytes that is held.
inline constexpr uint32_t kEarlyDatagramBytesMax = 2'048;
// Clients of a worker whose requests are awaited at once.
inline constexpr uint32_t kAwaitedClientsMax = 64;
// Time in ns for which a request is awaited, and a datagram held at most: after it a client sends
// its request again (RFC 8489 section 6.2.1).
inline constexpr uint64_t kEarlyNsMax = 500'000'000;

// Returns whether an entry that is on its way could have let a datagram pass.
constexpr bool LacksEntry(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSendNoPermission:
    case Verdict::kChannelUnknown:
    case Verdict::kChannelExpired:
    case Verdict::kPeerNoPermission:
      return true;
    default:
      return false;
  }
}

class EarlyData {
 public:
  enum class From : uint8_t { kClient, kPeer };
  // The relayed endpoints of a client; a handle of no socket where there is one only.
  using Relayed = std::array<TransportHandle, 2>;

  Status Allocate() { return bytes_.Allocate(kEarlyDatagramsMax * kSlotBytes); }

  // Whether no request is awaited; nothing is held then.
  bool idle() const { return clients_end_ == 0; }
  // Whether nothing is held.
  bool empty() const { return held_count_ == 0; }
  // Whether something of peers is held that Serve may give away now.
  bool holds_of_peers() const { return held_of_peers_ > 0 && !serving_; }

  // Whether Serve is under way.
  bool serving() const { return serving_; }

  // Notes that a request of a client for a permission or a channel was handed up.
  void Await(const FiveTuple& client, const Relayed& relayed, uint64_t now_ns);
  // Notes that such a request has been answered. Requests are answered in order.
  void NoteAnswer(const FiveTuple& client);
  // Notes that an entry was put or prolonged.
  void NoteEntry() { changed_ = true; }
  // Holds a datagram that has met no entry, if its client or, for a peer, the client of its relayed
  // endpoint is awaited and within its bounds. `verdict` counts it if it is dropped later.
  bool Hold(From from, const Packet& packet, Verdict verdict, uint64_t now_ns);
  // Drops what is held for a client or a relayed endpoint, whose allocation ends.
  void Forget(const FiveTuple& client, CounterRow& counters);
  void Forget(TransportHandle relayed, CounterRow& counters);

  // Whether Serve may have something to do.
  bool IsDue(uint64_t now_ns) const { return changed_ || now_ns >= due_ns_; }
  // Time in ns at which Serve is due if nothing is noted before.
  uint64_t due_ns() const { return due_ns_; }
  // Gives datagrams in the order of their arrival to `forward(from, packet)`, which returns false
  // if one still meets no entry. What remains is dropped and counted once the requests before it
  // are answered, or its time is over. A peer's datagram waits for the answer, so that its client
  // learns of the permission first, unless it came through `newer`: the endpoint of a datagram that
  // is about to be forwarded. `forward` may call Hold for what arrives at another allocation of the
  // plane, when nothing waits to be sent; it does not call Serve.
  // Returns whether `forward` has returned true.
  template <typename Forward>
  bool Serve(uint64_t now_ns, CounterRow& counters, Forward&& forward,
             TransportHandle newer = TransportHandle()) {
    changed_ = false;
    serving_ = true;
    bool gave = false;
    Sift([&](const Held& held) {
      const bool answered = IsAnswered(held);
      const bool over = now_ns >= held.until_ns;
      const bool leaves =
          !over && (answered || held.from == From::kClient || held.tuple.handle == newer);
      if (leaves && forward(held.from, PacketOf(held))) {
        gave = true;
        return true;
      }
      if (answered || over) counters.Add(held.verdict);
      return answered || over;
    });
    serving_ = false;
    return gave;
  }

 private:
  // A slot has room before the datagram for a client's message, and behind it for its padding.
  static constexpr uint32_t kSlotBytes = kHeadroomBytes + kEarlyDatagramBytesMax + 64;

  // A client whose requests are awaited. Free if `until_ns` is 0.
  struct Client {
    FiveTuple tuple;
    Relayed relayed;
    uint64_t until_ns = 0;
    // Numbers of requests handed up and answered.
    uint32_t asked = 0;
    uint32_t answered = 0;
    // Numbers of datagrams held, by From.
    std::array<uint8_t, 2> held{};

    bool holds() const { return held[0] + held[1] > 0; }
  };
  struct Held {
    FiveTuple tuple;
    uint64_t until_ns;
    // Number of the newest request handed up before it came.
    uint32_t request;
    uint16_t length;
    // Indexes of its client and of its memory.
    uint8_t client;
    uint8_t slot;
    From from;
    Verdict verdict;
    uint8_t traffic_class;
  };

  Client* FindClient(const FiveTuple& tuple, uint64_t now_ns);
  Client* FindRelayed(TransportHandle relayed, uint64_t now_ns);
  // Returns a free client, or null.
  Client* TakeClient(uint64_t now_ns);
  void FreeIfDone(Client& client);
  // Drops what is held for a client, and frees it.
  void Drop(Client& client, CounterRow& counters);
  bool IsAnswered(const Held& held) const {
    return static_cast<int32_t>(clients_[held.client].answered - held.request) >= 0;
  }
  Packet PacketOf(const Held& held) {
    return Packet{&bytes_[held.slot * kSlotBytes + kHeadroomBytes],
                  held.length,
                  &held.tuple,
                  true,
                  true,
                  held.traffic_class};
  }
  void Release(const Held& held);
  // Releases what `leaves(held)` returns true for, and keeps the rest in order.
  template <typename Leaves>
  void Sift(Leaves&& leaves) {
    due_ns_ = UINT64_MAX;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < held_count_; ++i) {
      if (leaves(held_[i])) {
        Release(held_[i]);
        continue;
      }
      due_ns_ = std::min(due_ns_, held_[i].until_ns);
      held_[kept++] = held_[i];
    }
    held_count_ = kept;
  }

  // Clients are before this index.
  uint32_t clients_end_ = 0;
  uint32_t held_count_ = 0;
  uint32_t held_of_peers_ = 0;
  bool changed_ = false;
  bool serving_ = false;
  // Slots that have been used; those before it that are free now are in `free_slots_`.
  uint32_t slots_used_ = 0;
  uint32_t free_count_ = 0;
  uint64_t due_ns_ = UINT64_MAX;
  // Until when any request is awaited.
  uint64_t awaited_until_ns_ = 0;
  std::array<Client, kAwaitedClientsMax> clients_;
  // In the order of their arrival.
  std::array<Held, kEarlyDatagramsMax> held_;
  std::array<uint8_t, kEarlyDatagramsMax> free_slots_;
  MappedArray<uint8_t> bytes_;
};

}  // namespace turnpike
