#pragma once

#include <string>
#include <utility>

#include "base/interface.h"

namespace turnpike {

// The result of an operation, with a message for the operator. Not used in the packet path.
struct Status {
  StatusCode code = StatusCode::kOk;
  // errno of the failed system call, or 0.
  int error_number = 0;
  std::string message;
  // The address that the operation was about, as `host:port`, or empty.
  std::string address;

  bool ok() const { return code == StatusCode::kOk; }

  static Status System(std::string what, int error_number) {
    return Status{StatusCode::kSystem, error_number, std::move(what), {}};
  }
};

}  // namespace turnpike
