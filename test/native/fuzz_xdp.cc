// libFuzzer: any frame to the fast path. Five of six inputs become the payload of a frame with
// valid headers, one of these with a valid tag and one as a channel's data, because a fuzzer cannot
// guess these. Half of all frames get one wrong bit.
#include <algorithm>

#include "wire/trunk_datagram.h"
#include "xdp_scene.h"

using turnpike::test::Bytes;
using turnpike::test::MakeFrame;
using turnpike::test::Passage;
using turnpike::test::ReadFrame;
using turnpike::test::UserPath;
using turnpike::test::WithIpFields;
using turnpike::test::XdpScene;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static UserPath path;
  static XdpScene scene(path);
  static uint64_t sequence = 1;
  if (size == 0) return 0;
  scene.PutChannel();
  scene.Expire(1'000);
  const bool expired = size % 4 == 0;
  path.SetSecond(expired ? 1'000 : 999);
  const Bytes input(data + 1, data + std::min<size_t>(size, 2'000));
  Bytes frame = input;
  const int kind = data[0] % 6;
  const auto service = static_cast<uint8_t>(size);
  if (kind == 1) frame = MakeFrame(scene.client, scene.service, input);
  if (kind == 2) frame = MakeFrame(scene.relay, scene.trunk, input);
  if (kind == 3) frame = scene.FromRelay(sequence++, input);
  if (kind == 4) frame = WithIpFields(scene.FromClientToPeer(input, size % 4), 2, service);
  if (kind == 5) frame = WithIpFields(scene.FromPeer(input), 64, service);
  const bool is_wrong = data[0] % 12 >= 6 && !frame.empty();
  if (is_wrong) frame[data[0] / 12 % frame.size()] ^= 1;
  const Passage passage = path.Run(frame);
  // Packets of expired entries are passed up.
  if (expired && passage.action != XDP_PASS) __builtin_trap();
  // A passed frame is unchanged. A sent frame is valid, but a wrong UDP checksum may stay wrong.
  if (passage.action == XDP_PASS && passage.frame != frame) __builtin_trap();
  if (passage.action == XDP_TX) {
    const std::string fault = ReadFrame(passage.frame).fault;
    if (!fault.empty() && fault != "UDP checksum") __builtin_trap();
    // The data of a channel arrives as it was sent, without padding.
    const Bytes sent = ReadFrame(passage.frame).payload;
    if (kind == 4 && !is_wrong && sent != input) __builtin_trap();
    const Bytes expected = scene.ChannelData(XdpScene::kTurnChannel, input);
    if (kind == 5 && !is_wrong && sent != expected) __builtin_trap();
  }
  if (path.Count(TP_COUNT_REWRITE_FAILED) > 0) __builtin_trap();
  return 0;
}
