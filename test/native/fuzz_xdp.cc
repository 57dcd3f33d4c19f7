// libFuzzer: any frame to the fast path. Three of four inputs become the payload of a frame with
// valid headers, one of these with a valid tag, because a fuzzer cannot guess these. Half of all
// frames get one wrong bit.
#include <algorithm>

#include "wire/trunk_datagram.h"
#include "xdp_scene.h"

using turnpike::test::Bytes;
using turnpike::test::MakeFrame;
using turnpike::test::Passage;
using turnpike::test::ReadFrame;
using turnpike::test::UserPath;
using turnpike::test::XdpScene;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static UserPath path;
  static XdpScene scene(path);
  static uint64_t sequence = 1;
  if (size == 0) return 0;
  scene.PutRaw();
  scene.Expire(1'000);
  const bool expired = size % 4 == 0;
  path.SetSecond(expired ? 1'000 : 999);
  const Bytes input(data + 1, data + std::min<size_t>(size, 2'000));
  Bytes frame = input;
  if (data[0] % 4 == 1) frame = MakeFrame(scene.client, scene.service, input);
  if (data[0] % 4 == 2) frame = MakeFrame(scene.relay, scene.trunk, input);
  if (data[0] % 4 == 3) frame = scene.FromRelay(sequence++, input);
  if (data[0] % 8 >= 4 && !frame.empty()) frame[data[0] / 8 % frame.size()] ^= 1;
  const Passage passage = path.Run(frame);
  // Packets of expired entries are passed up.
  if (expired && passage.action != XDP_PASS) __builtin_trap();
  // A passed frame is unchanged. A sent frame is valid, but a wrong UDP checksum may stay wrong.
  if (passage.action == XDP_PASS && passage.frame != frame) __builtin_trap();
  if (passage.action == XDP_TX) {
    const std::string fault = ReadFrame(passage.frame).fault;
    if (!fault.empty() && fault != "UDP checksum") __builtin_trap();
  }
  if (path.Count(TP_COUNT_REWRITE_FAILED) > 0) __builtin_trap();
  return 0;
}
