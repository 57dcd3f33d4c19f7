// Writes trunk datagrams as another relay would send them (PROTOCOL.md section 4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/siphash.h"
#include "wire/trunk_datagram.h"

namespace bench {

struct TrunkOptions {
  turnpike::SipKey key;
  uint16_t epoch = 0;
  uint8_t lane = 0;
};

class TrunkWriter {
 public:
  // The first sequence is derived from the current time, so that sequences rise from run to run as
  // PROTOCOL.md requires.
  TrunkWriter(const TrunkOptions& options, uint32_t flows);

  // Writes a record header in front of its payload. The session index is the flow's number.
  void WriteRecord(uint8_t* record, uint32_t flow, uint16_t payload_bytes);

  // Writes the session's next sequence into a record.
  void NumberRecord(uint8_t* record, uint32_t flow);

  // Writes the datagram's header with the lane's next sequence, and the tag over all record
  // headers.
  void Seal(uint8_t* datagram, size_t length);

 private:
  TrunkOptions options_;
  uint64_t next_sequence_;
  std::vector<uint16_t> session_sequences_;
};

}  // namespace bench
