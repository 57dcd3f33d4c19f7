#include "io/report_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace turnpike {
namespace {

EndpointReport ReportOf(PuntKind kind, uint64_t number) {
  EndpointReport report{};
  report.kind = kind;
  report.handle = number;
  return report;
}

TEST(ReportRing, EventsLeaveRoomForAllResponses) {
  ReportRing ring;
  EXPECT_TRUE(ring.Allocate().ok());
  EndpointReport report;
  EXPECT_FALSE(ring.Pop(&report));
  // Several times past the end of the ring.
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < kEndpointEventsMax; ++i) {
      EXPECT_TRUE(ring.PushEvent(ReportOf(PuntKind::kIcmpError, i)));
    }
    EXPECT_FALSE(ring.PushEvent(ReportOf(PuntKind::kIcmpError, 0)));
    for (uint32_t i = 0; i < kEndpointCommandsMax; ++i) {
      ring.PushAnswer(ReportOf(PuntKind::kEndpointOpened, i));
    }
    EXPECT_FALSE(ring.PushEvent(ReportOf(PuntKind::kEndpointEnded, 0)));
    for (uint32_t i = 0; i < kEndpointEventsMax; ++i) {
      EXPECT_TRUE(ring.Pop(&report));
      EXPECT_EQ(report.kind, PuntKind::kIcmpError);
      EXPECT_EQ(report.handle, i);
    }
    for (uint32_t i = 0; i < kEndpointCommandsMax; ++i) {
      EXPECT_TRUE(ring.Pop(&report));
      EXPECT_EQ(report.kind, PuntKind::kEndpointOpened);
      EXPECT_EQ(report.handle, i);
    }
    EXPECT_FALSE(ring.Pop(&report));
  }
}

TEST(ReportRing, TwoThreadsLoseNoResponse) {
  constexpr uint64_t kAnswers = 100'000;
  ReportRing ring;
  EXPECT_TRUE(ring.Allocate().ok());
  // Bounds the commands that wait for a response, as the controller does.
  std::atomic<uint64_t> taken{0};
  std::atomic<uint64_t> events{0};
  std::thread worker([&] {
    for (uint64_t i = 0; i < kAnswers; ++i) {
      while (i - taken.load() >= kEndpointCommandsMax) std::this_thread::yield();
      ring.PushAnswer(ReportOf(PuntKind::kEndpointClosed, i));
      if (ring.PushEvent(ReportOf(PuntKind::kIcmpError, i))) events.fetch_add(1);
    }
  });
  uint64_t got_events = 0;
  EndpointReport report;
  while (taken.load() < kAnswers) {
    if (!ring.Pop(&report)) {
      std::this_thread::yield();
    } else if (report.kind == PuntKind::kIcmpError) {
      ++got_events;
    } else {
      EXPECT_EQ(report.handle, taken.load());
      taken.fetch_add(1);
    }
  }
  worker.join();
  while (ring.Pop(&report)) ++got_events;
  EXPECT_EQ(got_events, events.load());
}

}  // namespace
}  // namespace turnpike
