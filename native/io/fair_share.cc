#include "io/fair_share.h"

#include <algorithm>

namespace turnpike {

Status FairShare::Allocate(const SipKey& hash_key) {
  hash_key_ = hash_key;
  return cells_.Allocate(kFairShareCells);
}

FairShare::Sender FairShare::SenderOf(const FiveTuple& tuple) const {
  const IpAddress& ip = tuple.remote.ip;
  SipHash13 source(hash_key_);
  source.Update(ip.bytes.data(), ip.IsIpv4() ? 16 : 8);
  SipHash13 sender(hash_key_);
  sender.Update(&tuple, sizeof(tuple));
  return Sender{source.Finish(), sender.Finish()};
}

FairShare::Sender FairShare::SenderOf(uint32_t number) const {
  SipHash13 hash(hash_key_);
  hash.UpdateWord(number, 4);
  const uint64_t value = hash.Finish();
  return Sender{value, value};
}

bool FairShare::Admits(const Sender& sender, uint32_t bytes, uint64_t free_bytes) const {
  const std::array<uint16_t, 4> cells = CellsOf(sender);
  const uint32_t of_source = Held(cells[0], cells[1]);
  const uint32_t of_sender = Held(cells[2], cells[3]);
  return (of_source == 0 || of_source + bytes <= free_bytes / kFairShareOfSource) &&
         (of_sender == 0 || of_sender + bytes <= free_bytes / kFairShareOfSender);
}

FairShare::Ticket FairShare::Take(const Sender& sender, uint32_t bytes) {
  const Ticket ticket{bytes, CellsOf(sender)};
  for (const uint16_t cell : ticket.cells) {
    cells_[cell].fetch_add(bytes, std::memory_order_relaxed);
  }
  return ticket;
}

void FairShare::GiveBack(const Ticket& ticket) {
  for (const uint16_t cell : ticket.cells) {
    cells_[cell].fetch_sub(ticket.bytes, std::memory_order_relaxed);
  }
}

std::array<uint16_t, 4> FairShare::CellsOf(const Sender& sender) {
  const auto cell = [](uint32_t row, uint64_t hash) {
    return static_cast<uint16_t>(row * kRowCells + (hash & (kRowCells - 1)));
  };
  return {cell(0, sender.source_hash), cell(1, sender.source_hash >> 32),
          cell(2, sender.sender_hash), cell(3, sender.sender_hash >> 32)};
}

uint32_t FairShare::Held(uint16_t first, uint16_t second) const {
  return std::min(cells_[first].load(std::memory_order_relaxed),
                  cells_[second].load(std::memory_order_relaxed));
}

}  // namespace turnpike
