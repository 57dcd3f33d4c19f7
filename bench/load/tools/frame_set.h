// The frames of a run, built before it. During the run only sequences, timestamps, tags and
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
  kSend,     // Send indications (RFC 8656 section 11.1)
};

struct FrameOptions {
  Content content = Content::kRaw;
  // Number of flows. Each has its own source address and port; trunk datagrams share one.
  uint32_t flows = 1;
  // Number of consecutive frames of one flow.
  uint32_t burst = 1;
  // Datagrams in one frame. More than one makes a GSO super-frame.
  uint32_t segments = 1;
  // Records in one trunk datagram.
  uint32_t records = 1;
  // Payload sizes in bytes. Flow i has the size at index i modulo their number.
  std::vector<uint32_t> sizes_bytes;
  // Minimum number of frames, so that no batch contains a frame twice.
  uint32_t frames_min = 1;
  // Headers of the first flow; see SourceOf.
  FrameHead head;
  // Destination port of each flow. Empty: that of `head` for all.
  std::vector<uint32_t> destination_ports;
  uint32_t ports_per_address = 20'000;
  // Peer of the first flow's Send indications; those of the others follow by NthSource.
  sockaddr_in peer{};
  uint16_t channel = 0x4000;
  // Channel of each flow, if the server chose them. Empty: `channel` for all.
  std::vector<uint32_t> channels;
  TrunkOptions trunk;
  // Whether the UDP checksum is completed in software, for receivers that read frames directly.
  bool full_checksum = false;
};

// Returns the source of a flow. All trunk datagrams have the same source.
sockaddr_in SourceOf(const FrameOptions& options, uint32_t flow);

// Returns the destination of a flow.
sockaddr_in DestinationOf(const FrameOptions& options, uint32_t flow);

struct Frame {
  uint8_t* bytes = nullptr;
  // Size in bytes of the UDP payload, which follows kFrameHeadBytes.
  uint32_t payload_bytes = 0;
  // Size in bytes of each datagram in the UDP payload; the last one has the same size.
  uint32_t segment_bytes = 0;
  uint32_t flow = 0;
};

class FrameSet {
 public:
  explicit FrameSet(const FrameOptions& options);

  size_t size() const { return frames_.size(); }
  const Frame& operator[](size_t index) const { return frames_[index]; }
  const FrameOptions& options() const { return options_; }

  // Payloads in one frame; the same for all frames.
  uint32_t payloads_per_frame() const { return payloads_per_frame_; }

  // Writes the next sequences and the given time into a frame's payloads.
  void Stamp(size_t index, uint64_t wall_ns);

  uint64_t next_sequence() const { return next_sequence_; }
  void set_next_sequence(uint64_t sequence) { next_sequence_ = sequence; }

 private:
  uint32_t FlowOf(size_t frame, uint32_t payload) const;
  uint32_t SizeOf(uint32_t flow) const;
  size_t BytesOf(size_t frame) const;
  void Build(size_t index, uint8_t* bytes);
  // Writes a payload at `at`, with what its flow's content has before and behind it.
  uint8_t* BuildChannelData(uint8_t* at, uint32_t flow);
  uint8_t* BuildSendIndication(uint8_t* at, uint32_t flow);
  uint8_t* BuildPayload(uint8_t* at, uint32_t flow);

  FrameOptions options_;
  uint32_t payloads_per_frame_;
  TrunkWriter trunk_;
  std::vector<uint8_t> memory_;
  std::vector<Frame> frames_;
  uint64_t next_sequence_ = 0;
};

}  // namespace bench
