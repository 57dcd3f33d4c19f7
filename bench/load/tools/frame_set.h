// The frames of a run, built before it: while it runs, only sequence numbers, times, tags and
// checksums change.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "headers.h"
#include "trunk_writer.h"

namespace bench {

enum class Content {
  kRaw,      // the payload alone
  kChannel,  // ChannelData
  kTrunk,    // trunk datagrams of one or more records
};

struct FrameOptions {
  Content content = Content::kRaw;
  // Connections; each has its own source address and port, but trunk datagrams come from one.
  uint32_t flows = 1;
  // Frames of one flow in a row.
  uint32_t burst = 1;
  // Datagrams in one frame: more than one is a super-frame that the kernel sees as one packet.
  uint32_t segments = 1;
  // Records in one trunk datagram.
  uint32_t records = 1;
  // Payload sizes; flow i has the size at i modulo their number.
  std::vector<uint32_t> sizes_bytes;
  // Fewest frames to build, so that no frame is twice in one batch.
  uint32_t frames_min = 1;
  // Of the first flow; see `SourceOf`.
  FrameHead head;
  uint32_t ports_per_address = 20'000;
  uint16_t channel = 0x4000;
  // By flow, where a server chose them; empty: `channel` for all.
  std::vector<uint32_t> channels;
  TrunkOptions trunk;
  // Whether the UDP checksum is completed here, for receivers that look at the wire format.
  bool full_checksum = false;
};

// The source of a flow; trunk datagrams have one for all.
sockaddr_in SourceOf(const FrameOptions& options, uint32_t flow);

struct Frame {
  uint8_t* bytes = nullptr;
  // UDP payload behind kFrameHeadBytes.
  uint32_t payload_bytes = 0;
  // Size of one datagram in the UDP payload, the last included.
  uint32_t segment_bytes = 0;
  uint32_t flow = 0;
};

class FrameSet {
 public:
  explicit FrameSet(const FrameOptions& options);

  size_t size() const { return frames_.size(); }
  const Frame& operator[](size_t index) const { return frames_[index]; }
  const FrameOptions& options() const { return options_; }

  // Payloads that one frame carries; the same for all.
  uint32_t payloads_per_frame() const { return payloads_per_frame_; }

  // Gives a frame's payloads the next sequence numbers and this time.
  void Stamp(size_t index, uint64_t wall_ns);

  uint64_t next_sequence() const { return next_sequence_; }
  void set_next_sequence(uint64_t sequence) { next_sequence_ = sequence; }

 private:
  uint32_t FlowOf(size_t frame, uint32_t payload) const;
  uint32_t SizeOf(uint32_t flow) const;
  size_t BytesOf(size_t frame) const;
  void Build(size_t index, uint8_t* bytes);
  uint8_t* BuildPayload(uint8_t* at, uint32_t flow);

  FrameOptions options_;
  uint32_t payloads_per_frame_;
  TrunkWriter trunk_;
  std::vector<uint8_t> memory_;
  std::vector<Frame> frames_;
  uint64_t next_sequence_ = 0;
};

}  // namespace bench
