#include "io/early_data.h"

#include <cstring>

namespace turnpike {

void EarlyData::Await(const FiveTuple& client, const Relayed& relayed, uint64_t now_ns) {
  Client* awaited = FindClient(client, now_ns);
  if (awaited == nullptr) {
    awaited = TakeClient(now_ns);
    if (awaited == nullptr) return;
    *awaited = Client{client, relayed};
  }
  awaited->relayed = relayed;
  awaited->until_ns = now_ns + kEarlyNsMax;
  ++awaited->asked;
  awaited_until_ns_ = std::max(awaited_until_ns_, awaited->until_ns);
}

void EarlyData::NoteAnswer(const FiveTuple& client) {
  for (uint32_t i = 0; i < clients_end_; ++i) {
    Client& awaited = clients_[i];
    if (awaited.until_ns == 0 || awaited.answered == awaited.asked || !(awaited.tuple == client)) {
      continue;
    }
    ++awaited.answered;
    changed_ = true;
    FreeIfDone(awaited);
    return;
  }
}

bool EarlyData::Hold(From from, const Packet& packet, Verdict verdict, uint64_t now_ns) {
  if (now_ns >= awaited_until_ns_) {
    // Requests that never get an answer leave their clients behind.
    if (empty()) clients_end_ = 0;
    return false;
  }
  if (packet.length > kEarlyDatagramBytesMax || held_count_ == kEarlyDatagramsMax) return false;
  Client* const client = from == From::kClient ? FindClient(*packet.tuple, now_ns)
                                               : FindRelayed(packet.tuple->handle, now_ns);
  if (client == nullptr) return false;
  uint8_t& held_of_client = client->held[static_cast<uint8_t>(from)];
  if (held_of_client == kEarlyDatagramsOfClientMax) return false;
  ++held_of_client;
  if (from == From::kPeer) ++held_of_peers_;
  const auto slot =
      free_count_ > 0 ? free_slots_[--free_count_] : static_cast<uint8_t>(slots_used_++);
  held_[held_count_++] = Held{*packet.tuple,
                              client->until_ns,
                              client->asked,
                              static_cast<uint16_t>(packet.length),
                              static_cast<uint8_t>(client - clients_.data()),
                              slot,
                              from,
                              verdict,
                              packet.traffic_class};
  due_ns_ = std::min(due_ns_, client->until_ns);
  std::memcpy(&bytes_[slot * kSlotBytes + kHeadroomBytes], packet.data, packet.length);
  return true;
}

void EarlyData::Forget(const FiveTuple& client, CounterRow& counters) {
  for (uint32_t i = 0; i < clients_end_; ++i) {
    if (clients_[i].until_ns != 0 && clients_[i].tuple == client) Drop(clients_[i], counters);
  }
}

void EarlyData::Forget(TransportHandle relayed, CounterRow& counters) {
  for (uint32_t i = 0; i < clients_end_; ++i) {
    const Client& client = clients_[i];
    if (client.until_ns == 0) continue;
    if (client.relayed[0] == relayed || client.relayed[1] == relayed) Drop(clients_[i], counters);
  }
}

EarlyData::Client* EarlyData::FindClient(const FiveTuple& tuple, uint64_t now_ns) {
  for (uint32_t i = 0; i < clients_end_; ++i) {
    if (clients_[i].until_ns > now_ns && clients_[i].tuple == tuple) return &clients_[i];
  }
  return nullptr;
}

EarlyData::Client* EarlyData::FindRelayed(TransportHandle relayed, uint64_t now_ns) {
  for (uint32_t i = 0; i < clients_end_; ++i) {
    Client& client = clients_[i];
    if (client.until_ns <= now_ns) continue;
    if (client.relayed[0] == relayed || client.relayed[1] == relayed) return &client;
  }
  return nullptr;
}

EarlyData::Client* EarlyData::TakeClient(uint64_t now_ns) {
  for (uint32_t i = 0; i < clients_end_; ++i) {
    if (clients_[i].until_ns <= now_ns && !clients_[i].holds()) return &clients_[i];
  }
  return clients_end_ < kAwaitedClientsMax ? &clients_[clients_end_++] : nullptr;
}

void EarlyData::FreeIfDone(Client& client) {
  if (client.answered != client.asked || client.holds()) return;
  client.until_ns = 0;
  while (clients_end_ > 0 && clients_[clients_end_ - 1].until_ns == 0) --clients_end_;
}

void EarlyData::Drop(Client& client, CounterRow& counters) {
  const auto index = static_cast<uint8_t>(&client - clients_.data());
  client.answered = client.asked;
  Sift([&](const Held& held) {
    if (held.client == index) counters.Add(held.verdict);
    return held.client == index;
  });
  FreeIfDone(client);
}

void EarlyData::Release(const Held& held) {
  free_slots_[free_count_++] = held.slot;
  if (held.from == From::kPeer) --held_of_peers_;
  Client& client = clients_[held.client];
  --client.held[static_cast<uint8_t>(held.from)];
  FreeIfDone(client);
}

}  // namespace turnpike
