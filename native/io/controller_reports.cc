// The part of Controller that fetches what workers punt and report, for JavaScript.
#include <cstring>

#include "io/controller.h"

namespace turnpike {

using State = EndpointRecord::State;

uint32_t Controller::Drain(uint8_t* buffer, uint32_t buffer_bytes, DrainLimits limits) {
  const auto& workers = pool_.workers();
  uint32_t used = DrainReports(buffer, buffer_bytes);
  if (used > 0) return used;
  uint32_t gone = 0;
  const auto delivery_of = [this](TransportHandle handle) { return DeliveryOf(handle); };
  for (size_t punt_class = 0; punt_class < kPuntClasses; ++punt_class) {
    for (size_t i = 0; i < workers.size(); ++i) {
      PuntQueue& punts = workers[(first_to_drain_ + i) % workers.size()]->punts();
      used += punts.Drain(static_cast<PuntClass>(punt_class), buffer + used, buffer_bytes - used,
                          &limits[punt_class], delivery_of, &gone);
    }
  }
  if (gone > 0) counters_.Add(Counter::kEndpointGone, gone);
  ++first_to_drain_;
  return used;
}

uint32_t Controller::DrainReports(uint8_t* buffer, uint32_t buffer_bytes) {
  uint32_t used = 0;
  EndpointReport report;
  for (const std::unique_ptr<Worker>& worker : pool_.workers()) {
    while (used + sizeof(report) <= buffer_bytes && worker->reports().Pop(&report)) {
      if (!TakeReport(report)) continue;
      std::memcpy(buffer + used, &report, sizeof(report));
      used += sizeof(report);
    }
  }
  return used;
}

bool Controller::TakeReport(const EndpointReport& report) {
  const TransportHandle handle = TransportHandle::FromNumber(report.handle);
  EndpointRecord* const record = endpoints_.Find(handle);
  // An event may arrive after the response to a close that it crossed.
  if (record == nullptr) return false;
  switch (report.kind) {
    case PuntKind::kEndpointOpened:
      --unanswered_[handle.worker()];
      record->state = State::kOpen;
      record->address.port = report.port;
      if (report.status != StatusCode::kOk) {
        endpoints_.Remove(*record);
      } else if (fast_path_ != nullptr && record->side == Side::kRelayed) {
        fast_path_->AddRelayed(handle, record->address);
      }
      return true;
    case PuntKind::kEndpointClosed:
      --unanswered_[handle.worker()];
      --closing_[handle.worker()];
      endpoints_.Remove(*record);
      return true;
    case PuntKind::kEndpointEnded:
      record->ended = true;
      RemoveFromFastPath(*record);
      return true;
    default:
      return record->IsOpen();
  }
}

PuntQueue::Delivery Controller::DeliveryOf(TransportHandle handle) {
  if (handle.IsListener()) return PuntQueue::Delivery::kNow;
  const EndpointRecord* const record = endpoints_.Find(handle);
  if (record == nullptr || record->ended) return PuntQueue::Delivery::kNever;
  return record->state == State::kOpening ? PuntQueue::Delivery::kLater : PuntQueue::Delivery::kNow;
}

}  // namespace turnpike
