#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace turnpike {

// What an operation came to. The numbers cross into TypeScript (src/native/binding.ts).
enum class StatusCode : uint8_t {
  kOk = 0,
  // A table is full.
  kLimit = 1,
  // A command queue has no room; nothing was applied.
  kQueueFull = 2,
  kClosed = 3,
  // The caller's mistake: a value or index out of range.
  kInvalid = 4,
  // An address that the socket in question can never send to or receive from.
  kAddress = 5,
  // A socket could not be opened or bound.
  kBind = 6,
  // The system refused memory, a thread or a descriptor.
  kSystem = 7,
  // An entry or a probe names a relay that is not there.
  kUnknownRelay = 8,
  // An option asks for what this host does not have.
  kOption = 9,
};

// A status with what an operator needs to know; made on slow paths only.
struct Status {
  StatusCode code = StatusCode::kOk;
  // The system's errno, or 0.
  int error_number = 0;
  std::string message;
  // The address, `host:port`, that the operation was about, or empty.
  std::string address;

  bool ok() const { return code == StatusCode::kOk; }

  static Status System(std::string what, int error_number) {
    return Status{StatusCode::kSystem, error_number, std::move(what), {}};
  }
};

}  // namespace turnpike
