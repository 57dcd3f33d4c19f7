// libFuzzer: any bytes to the client side of a forwarder. What a Send indication holds also comes
// back as a Data indication.
#include "forward/bare_closed_indications.h"
#include "forwarder_fixture.h"
#include "wire/stun_header.h"

using turnpike::BareClosedIndications;
using turnpike::FlowKey;
using turnpike::Now;
using turnpike::Outgoing;
using turnpike::RemoteRelay;

namespace {

// The channel of an expired flow.
constexpr uint16_t kExpired = 0x4003;
const turnpike::TransportHandle kRelayed(turnpike::Transport::kUdp, 0, 1, 40);

// Checks that a Closed indication is STUN and not longer than the data that caused it.
void CheckClosedIndication(const turnpike::Packet& packet) {
  static turnpike::RelayHosts relays;
  static BareClosedIndications* const hints = [] {
    auto* made = new BareClosedIndications;
    if (!relays.Allocate({1, 2}).ok() || !made->Allocate({1, 2}, 1'000, &relays).ok()) {
      std::abort();
    }
    return made;
  }();
  static uint64_t now_ns = 0;
  now_ns += turnpike::kNsPerSecond;
  Outgoing out{};
  if (hints->Answer(packet, Now{now_ns, 325}, &out) != BareClosedIndications::Result::kSent) return;
  if (out.length > packet.length ||
      turnpike::ClassifyStun(out.data, out.length) != turnpike::StunKind::kRequestOrIndication) {
    __builtin_trap();
  }
}

// Checks that a payload comes back whole in a Data indication of its peer, which differs from a
// Send indication by its type only.
void CheckDataIndication(turnpike::test::ForwarderFixture& fixture, const Outgoing& sent) {
  const turnpike::FiveTuple peer = *sent.path;
  const turnpike::test::PacketBuffer buffer(sent.data, sent.length, peer);
  Outgoing out{};
  if (fixture.ForwardPeer(buffer.packet(), Now{10 * turnpike::kNsPerSecond, 325}, &out) !=
      turnpike::Verdict::kPeerToClient) {
    __builtin_trap();
  }
  turnpike::SendIndication read;
  if (turnpike::ClassifyStun(out.data, out.length) != turnpike::StunKind::kRequestOrIndication ||
      turnpike::StunTypeOf(out.data) != turnpike::kDataIndication ||
      !turnpike::ReadSendIndication(out.data, out.length, &read) || !(read.peer == peer.remote) ||
      read.payload_bytes != sent.length ||
      (sent.length > 0 && std::memcmp(read.payload, sent.data, sent.length) != 0)) {
    __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static turnpike::test::ForwarderFixture* const fixture = [] {
    auto* made = new turnpike::test::ForwarderFixture(1, 1);
    RemoteRelay relay;
    relay.path = turnpike::test::ToTuple(0, "192.0.2.1:3480", turnpike::Side::kTrunk);
    relay.send_keys.Add(325, {1, 2});
    made->PutRemoteRelay(1, std::move(relay));
    const auto tuple = turnpike::test::ToTuple(0, "203.0.113.7:4000");
    made->PutFlowToTrunk(FlowKey{tuple, 0x4000}, 1, 7);
    made->PutFlowToClient(FlowKey{tuple, 0x4001}, tuple, 0x4002);
    made->PutFlowToTrunk(FlowKey{tuple, kExpired}, 1, 7);
    made->tables.flows.Find(FlowKey{tuple, kExpired})->expiry = turnpike::Expiry::After(1, 0);
    made->PutAllocation(tuple, kRelayed);
    for (const char* const ip : {"192.0.2.9:0", "[2001:db8::9]:0"}) {
      const auto peer = turnpike::test::ToTransportAddress(ip);
      made->PutPeerFlow(turnpike::PermissionKey(peer.ip, kRelayed), tuple);
    }
    return made;
  }();
  const turnpike::test::PacketBuffer buffer(data, size,
                                            turnpike::test::ToTuple(0, "203.0.113.7:4000"));
  Outgoing out{};
  const Now now{10 * turnpike::kNsPerSecond, 325};
  const auto verdict = fixture->ForwardClient(buffer.packet(), now, &out);
  if (verdict == turnpike::Verdict::kClientToTrunk) {
    // The datagram must be valid for another relay.
    if (!turnpike::RecordsFill(out.data, out.length)) __builtin_trap();
  }
  if (verdict == turnpike::Verdict::kClientToPeer) CheckDataIndication(*fixture, out);
  const bool expired = verdict == turnpike::Verdict::kChannelExpired;
  const bool forwarded =
      verdict == turnpike::Verdict::kClientToTrunk || verdict == turnpike::Verdict::kClientToClient;
  if (expired || forwarded) {
    const int channel = data[0] << 8 | data[1];
    if ((channel == kExpired) != expired) __builtin_trap();
  }
  if (expired || verdict == turnpike::Verdict::kChannelUnknown) {
    CheckClosedIndication(buffer.packet());
  }
  return 0;
}
