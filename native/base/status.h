#pragma once

#include <string>
#include <utility>

#include "base/interface.h"

namespace turnpike {

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
