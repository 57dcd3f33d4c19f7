#include "frame_set.h"

#include <algorithm>
#include <cstring>

#include "arguments.h"
#include "payload.h"
#include "wire/turn_indications.h"

namespace bench {

namespace {
constexpr size_t kUdpPayloadBytesMax = 65'507;

// Bytes of a payload's content before it and behind it; a record's are the trunk writer's.
size_t BytesBefore(Content content) {
  if (content == Content::kChannel) return kChannelHeadBytes;
  return content == Content::kSend ? turnpike::DataIndicationHeadBytes(true) : 0;
}
size_t BytesBehind(Content content, uint32_t payload_bytes) {
  return content == Content::kSend ? turnpike::AttributePaddingBytes(payload_bytes) : 0;
}
}  // namespace

sockaddr_in SourceOf(const FrameOptions& options, uint32_t flow) {
  if (options.content == Content::kTrunk) return options.head.source;
  return NthSource(options.head.source, flow, options.ports_per_address);
}

sockaddr_in DestinationOf(const FrameOptions& options, uint32_t flow) {
  sockaddr_in destination = options.head.destination;
  const std::vector<uint32_t>& ports = options.destination_ports;
  if (!ports.empty()) {
    destination.sin_port = htons(static_cast<uint16_t>(ports[flow % ports.size()]));
  }
  return destination;
}

FrameSet::FrameSet(const FrameOptions& options)
    : options_(options),
      payloads_per_frame_(options.segments *
                          (options.content == Content::kTrunk ? options.records : 1)),
      trunk_(options.trunk, options.flows) {
  const bool bundles = options_.content == Content::kTrunk;
  if (options_.segments > 1 && options_.sizes_bytes.size() > 1) {
    Fail("a super-frame's segments have one size");
  }
  const uint64_t wanted = bundles ? (options_.flows + payloads_per_frame_ - 1) / payloads_per_frame_
                                  : uint64_t{options_.flows} * options_.burst;
  frames_.resize(std::max<uint64_t>(wanted, options_.frames_min));
  size_t total = 0;
  for (size_t i = 0; i < frames_.size(); ++i) total += BytesOf(i);
  memory_.resize(total);
  uint8_t* next = memory_.data();
  for (size_t i = 0; i < frames_.size(); ++i) {
    Build(i, next);
    next += kFrameHeadBytes + frames_[i].payload_bytes;
  }
}

uint32_t FrameSet::FlowOf(size_t frame, uint32_t payload) const {
  if (options_.content == Content::kTrunk) {
    return static_cast<uint32_t>((frame * payloads_per_frame_ + payload) % options_.flows);
  }
  return static_cast<uint32_t>(frame / options_.burst % options_.flows);
}

uint32_t FrameSet::SizeOf(uint32_t flow) const {
  return options_.sizes_bytes[flow % options_.sizes_bytes.size()];
}

size_t FrameSet::BytesOf(size_t frame) const {
  size_t bytes = kFrameHeadBytes;
  for (uint32_t i = 0; i < payloads_per_frame_; ++i) {
    const uint32_t size = SizeOf(FlowOf(frame, i));
    bytes += BytesBefore(options_.content) + size + BytesBehind(options_.content, size);
    if (options_.content == Content::kTrunk) {
      bytes += sizeof(turnpike::RecordHeader);
      if (i % options_.records == 0) bytes += sizeof(turnpike::TrunkHeader);
    }
  }
  if (bytes > kFrameHeadBytes + kUdpPayloadBytesMax) Fail("a frame exceeds 65,507 bytes");
  return bytes;
}

uint8_t* FrameSet::BuildChannelData(uint8_t* at, uint32_t flow) {
  const std::vector<uint32_t>& channels = options_.channels;
  const uint32_t number = channels.empty() ? options_.channel : channels[flow % channels.size()];
  const uint16_t channel = htons(static_cast<uint16_t>(number));
  const uint16_t length = htons(static_cast<uint16_t>(SizeOf(flow)));
  std::memcpy(at, &channel, 2);
  std::memcpy(at + 2, &length, 2);
  return BuildPayload(at + kChannelHeadBytes, flow);
}

uint8_t* FrameSet::BuildSendIndication(uint8_t* at, uint32_t flow) {
  const uint16_t size = static_cast<uint16_t>(SizeOf(flow));
  const sockaddr_in peer = NthSource(options_.peer, flow, options_.ports_per_address);
  const turnpike::TransportAddress address{
      turnpike::IpAddress::FromIpv4(reinterpret_cast<const uint8_t*>(&peer.sin_addr)),
      ntohs(peer.sin_port)};
  const uint64_t transaction[2] = {flow, 0};
  uint8_t* const payload = at + BytesBefore(Content::kSend);
  uint8_t* const end = BuildPayload(payload, flow);
  // Both indications have the same attributes.
  uint8_t* const message = turnpike::WrapInDataIndication(payload, size, address, transaction);
  const uint16_t type = htons(turnpike::kSendIndication);
  std::memcpy(message, &type, sizeof(type));
  return end + BytesBehind(Content::kSend, size);
}

uint8_t* FrameSet::BuildPayload(uint8_t* at, uint32_t flow) {
  const uint32_t size = SizeOf(flow);
  if (size < kPayloadBytesMin) Fail("a payload has at least 24 bytes");
  PayloadHead head{};
  head.magic = kPayloadMagic;
  head.flow = flow;
  std::memcpy(at, &head, sizeof(head));
  return at + size;
}

void FrameSet::Build(size_t index, uint8_t* bytes) {
  Frame& frame = frames_[index];
  frame.bytes = bytes;
  frame.flow = FlowOf(index, 0);
  uint8_t* at = bytes + kFrameHeadBytes;
  for (uint32_t i = 0; i < payloads_per_frame_; ++i) {
    const uint32_t flow = FlowOf(index, i);
    if (options_.content == Content::kChannel) {
      at = BuildChannelData(at, flow);
    } else if (options_.content == Content::kSend) {
      at = BuildSendIndication(at, flow);
    } else {
      if (options_.content == Content::kTrunk) {
        if (i % options_.records == 0) at += sizeof(turnpike::TrunkHeader);
        trunk_.WriteRecord(at, flow, static_cast<uint16_t>(SizeOf(flow)));
        at += sizeof(turnpike::RecordHeader);
      }
      at = BuildPayload(at, flow);
    }
  }
  frame.payload_bytes = static_cast<uint32_t>(at - bytes - kFrameHeadBytes);
  frame.segment_bytes = frame.payload_bytes / options_.segments;
  FrameHead head = options_.head;
  head.source = SourceOf(options_, frame.flow);
  head.destination = DestinationOf(options_, frame.flow);
  WriteHeaders(bytes, head, frame.payload_bytes);
}

void FrameSet::Stamp(size_t index, uint64_t wall_ns) {
  const Frame& frame = frames_[index];
  const bool is_trunk = options_.content == Content::kTrunk;
  uint8_t* at = frame.bytes + kFrameHeadBytes;
  uint8_t* datagram = at;
  for (uint32_t i = 0; i < payloads_per_frame_; ++i) {
    const uint32_t flow = FlowOf(index, i);
    if (is_trunk) {
      if (i % options_.records == 0) at += sizeof(turnpike::TrunkHeader);
      trunk_.NumberRecord(at, flow);
      at += sizeof(turnpike::RecordHeader);
    }
    at += BytesBefore(options_.content);
    std::memcpy(at, &next_sequence_, sizeof(next_sequence_));
    std::memcpy(at + sizeof(next_sequence_), &wall_ns, sizeof(wall_ns));
    ++next_sequence_;
    at += SizeOf(flow) + BytesBehind(options_.content, SizeOf(flow));
    if (is_trunk && (i + 1) % options_.records == 0) {
      trunk_.Seal(datagram, static_cast<size_t>(at - datagram));
      datagram = at;
    }
  }
  if (options_.full_checksum) CompleteUdpChecksum(frame.bytes, frame.payload_bytes);
}

}  // namespace bench
