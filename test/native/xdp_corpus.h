// Runs test/corpus/packets.txt as frames through the fast path, in every mix of address families.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "base/units.h"
#include "io/socket_address.h"
#include "wire/trunk_datagram.h"
#include "xdp_path.h"

namespace turnpike::test {

// Number of mixes. A bit selects which addresses change their family: bit 0 IPv4 clients, bit 1
// IPv6 clients, bit 2 relays.
constexpr uint32_t kFamilyMixes = 8;

class XdpCorpus {
 public:
  XdpCorpus(XdpPath& path, uint32_t mix) : path_(path), mix_(mix) {
    path_.PutDestination(0, tp_destination{0, 1500});
    path_.PutHop(0, ToHop(kIngress));
    path_.SetNextSequence(kFirstSequence);
  }

  // Runs every line. Calls `look` with each packet's line, frame and result.
  using Look = std::function<void(const std::string&, const Bytes&, const Passage&)>;
  void Run(const Look& look) {
    std::ifstream file(CORPUS_FILE);
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line.front() == '#') continue;
      std::istringstream words(line);
      const std::string kind = Word(words);
      if (kind == "client" || kind == "trunk") {
        RunPacket(kind == "client", words, line, look);
      } else {
        SetUp(kind, words);
      }
    }
  }

  int forwarded() const { return forwarded_; }
  int dropped() const { return dropped_; }
  int passed() const { return passed_; }

 private:
  static constexpr uint64_t kFirstSequence = 0x6b02a10000000007;

  static std::string Word(std::istream& words) {
    std::string word;
    words >> word;
    return word;
  }
  static uint32_t Number(std::istream& words) {
    return static_cast<uint32_t>(std::strtoul(Word(words).c_str(), nullptr, 0));
  }

  // Returns an address in the family that the mix selects.
  TransportAddress Mixed(TransportAddress endpoint, bool relay) const {
    const bool ipv4 = endpoint.ip.IsIpv4();
    if ((mix_ >> (relay ? 2 : ipv4 ? 0 : 1) & 1) == 0) return endpoint;
    if (!ipv4) {
      const uint8_t bytes[4] = {203, 0, 114, endpoint.ip.bytes[15]};
      endpoint.ip = IpAddress::FromIpv4(bytes);
      return endpoint;
    }
    const IpAddress prefix = ToTransportAddress("[2001:db8:4::]:0").ip;
    std::memcpy(endpoint.ip.bytes.data(), prefix.bytes.data(), 12);
    return endpoint;
  }

  // Returns the local address of a socket, in the family of its remote end.
  TransportAddress Local(const std::string& socket, const TransportAddress& remote,
                         bool relay) const {
    const std::string port = relay ? ":3480" : ":3478";
    if (remote.ip.IsIpv4()) return ToTransportAddress("198.51.100.1" + socket + port);
    return ToTransportAddress("[2001:db8:5::" + socket + "]" + port);
  }

  void SetUp(const std::string& kind, std::istream& words) {
    if (kind == "today") path_.SetToday(static_cast<uint16_t>(Number(words)));
    if (kind == "now") {
      path_.SetSecond(
          static_cast<uint32_t>(std::strtoull(Word(words).c_str(), nullptr, 0) / kNsPerSecond));
    }
    if (kind == "relay") SetUpRelay(words);
    if (kind == "source") sources_.push_back(Mixed(ToTransportAddress(Word(words)), true));
    if (kind == "send") {
      // The corpus uses day 325. User space chooses the key of that day.
      if (Number(words) != 325) return;
      relay_.send_epoch = 325;
      relay_.lane_first = TP_LANE_FIRST;
      relay_.send_key = Key(words);
    }
    if (kind == "receive") {
      tp_receive_key& key = relay_.receive[receive_keys_++];
      key.epoch = Number(words);
      key.present = 1;
      key.key = Key(words);
    }
    if (kind == "flow") SetUpFlow(words);
    if (kind == "session") SetUpSession(words);
  }

  static tp_key Key(std::istream& words) {
    const SipKey key = SipKey::FromBytes(FromHex(Word(words)).data());
    return tp_key{key.k0, key.k1};
  }

  void FinishRelay() {
    if (relay_.generation == 0) return;
    path_.PutRemoteRelay(relay_index_, relay_);
    for (const TransportAddress& source : sources_) {
      tp_flow flow{};
      flow.kind = TP_TRUNK_SOURCE;
      flow.relay_index = relay_index_;
      flow.generation = relay_index_ + 1;
      path_.PutFlow(MakeKey(source, Local("0", source, true), 0), flow);
    }
    relay_ = tp_remote_relay{};
    sources_.clear();
    receive_keys_ = 0;
  }

  void SetUpRelay(std::istream& words) {
    FinishRelay();
    relay_index_ = Number(words);
    const std::string socket = Word(words);
    const TransportAddress to = Mixed(ToTransportAddress(Word(words)), true);
    relay_.generation = relay_index_ + 1;
    relay_.path = ToPath(Local(socket, to, true), to);
    SpreadSourcePorts(&relay_);
  }

  void SetUpFlow(std::istream& words) {
    FinishRelay();
    const std::string socket = Word(words);
    const TransportAddress remote = Mixed(ToTransportAddress(Word(words)), false);
    const uint16_t channel = static_cast<uint16_t>(Number(words));
    tp_flow flow{};
    if (Word(words) == "trunk") {
      flow.kind = TP_TO_TRUNK;
      flow.relay_index = Number(words);
      flow.generation = flow.relay_index + 1;
      flow.session_index = TP_BE32(Number(words));
      flow.cell = cells_++;
    } else {
      const std::string to_socket = Word(words);
      const TransportAddress to = Mixed(ToTransportAddress(Word(words)), false);
      flow.kind = TP_TO_CLIENT;
      flow.channel = TP_BE16(Number(words));
      flow.path = ToPath(Local(to_socket, to, false), to);
    }
    flow.expires = Until(words);
    path_.PutFlow(MakeKey(remote, Local(socket, remote, false), channel), flow);
  }

  // Parses an optional `until SECOND` at the end of an entry.
  static uint32_t Until(std::istream& words) { return Word(words) == "until" ? Number(words) : 0; }

  void SetUpSession(std::istream& words) {
    const uint32_t index = Number(words);
    tp_session session{};
    session.relay_index = Number(words);
    session.generation = session.relay_index + 1;
    session.cell = index;
    const std::string socket = Word(words);
    const TransportAddress to = Mixed(ToTransportAddress(Word(words)), false);
    session.channel = TP_BE16(Number(words));
    session.path = ToPath(Local(socket, to, false), to);
    session.expires = Until(words);
    path_.PutSession(index, session);
  }

  void RunPacket(bool client, std::istream& words, const std::string& line, const Look& look) {
    Word(words);
    const std::string socket = Word(words);
    const TransportAddress from = Mixed(ToTransportAddress(Word(words)), !client);
    const Bytes data = FromHex(Word(words));
    const std::string verdict = Word(words);
    std::string results;
    std::getline(words >> std::ws, results);
    const Bytes frame = MakeFrame(from, Local(socket, from, !client), data);
    uint8_t lane = 0;
    const uint64_t replayed = path_.Count(TP_COUNT_TRUNK_REPLAYED);
    const uint64_t wrong = path_.Count(TP_COUNT_TRUNK_WRONG_TAG);
    const uint64_t old = path_.Count(TP_COUNT_TRUNK_TOO_OLD);
    const Passage passage = path_.Run(frame, &lane);
    look(line, frame, passage);
    const bool one_record =
        data.size() >= 28 && data[0] == 0x11 && Get16(data, 24) + 28u == data.size();
    const bool whole = client ? data.size() >= 4 && Get16(data, 2) + 4u == data.size() : one_record;
    const bool leaves = whole && !results.empty() && results.front() == '>';
    if (leaves) {
      CheckForwarded(passage, results, lane, line);
    } else if (one_record && verdict == "trunk_wrong_tag") {
      CheckDropped(passage, path_.Count(TP_COUNT_TRUNK_WRONG_TAG) == wrong + 1, line);
    } else if (one_record && verdict == "trunk_replayed") {
      CheckDropped(passage, path_.Count(TP_COUNT_TRUNK_REPLAYED) == replayed + 1, line);
    } else if (one_record && verdict == "trunk_too_old") {
      CheckDropped(passage, path_.Count(TP_COUNT_TRUNK_TOO_OLD) == old + 1, line);
    } else {
      ++passed_;
      if (passage.action != XDP_PASS || passage.frame != frame) Complain(line, "was not passed up");
    }
  }

  void CheckDropped(const Passage& passage, bool counted, const std::string& line) {
    ++dropped_;
    if (passage.action != XDP_DROP || !counted) Complain(line, "was not dropped and counted");
  }

  void CheckForwarded(const Passage& passage, const std::string& results, uint8_t lane,
                      const std::string& line) {
    ++forwarded_;
    std::istringstream words(results);
    Word(words);
    const bool to_relay = Word(words) == "trunk";
    const std::string socket = Word(words);
    const TransportAddress to = Mixed(ToTransportAddress(Word(words)), to_relay);
    Bytes expected = FromHex(Word(words));
    if (to_relay) Renumber(&expected, lane);
    if (passage.action != XDP_TX) return Complain(line, "was not sent");
    const Received received = ReadFrame(passage.frame);
    if (!received.fault.empty()) Complain(line, "left with a wrong " + received.fault);
    if (received.payload != expected) {
      Complain(line, "gave " + ToHex(received.payload.data(), received.payload.size()));
    }
    EXPECT_EQ(ToText(received.to), ToText(to));
    const TransportAddress local = Local(socket, to, to_relay);
    EXPECT_EQ(ToText(received.from), ToText(to_relay ? SourceOf(lane, local) : local));
    EXPECT_EQ(received.hop_limit, 64);
    EXPECT_TRUE(std::memcmp(passage.frame.data(), kNeighbourMac, 6) == 0);
    EXPECT_TRUE(std::memcmp(passage.frame.data() + 6, kRelayMac, 6) == 0);
  }

  // Renumbers a datagram: the corpus has the sequences of a worker that saw more packets, but a CPU
  // has its own counter.
  void Renumber(Bytes* datagram, uint8_t lane) {
    auto* header = reinterpret_cast<TrunkHeader*>(datagram->data());
    auto* record = reinterpret_cast<RecordHeader*>(datagram->data() + sizeof(TrunkHeader));
    header->lane = lane;
    header->sequence.Set(kFirstSequence + sent_);
    record->session_sequence.Set(static_cast<uint16_t>(sent_++));
    const SipKey key = SipKey::FromBytes(FromHex("b061b39e3bbaae73e8f5b0764d95dc90").data());
    StoreLe64(header->tag, DataTag(key, datagram->data(), datagram->size()));
  }

  static void Complain(const std::string& line, const std::string& what) {
    ADD_FAILURE() << line + "\n  " + what;
  }

  XdpPath& path_;
  const uint32_t mix_;
  tp_remote_relay relay_{};
  uint32_t relay_index_ = 0;
  uint32_t receive_keys_ = 0;
  uint32_t cells_ = 0;
  std::vector<TransportAddress> sources_;
  uint64_t sent_ = 0;
  int forwarded_ = 0;
  int dropped_ = 0;
  int passed_ = 0;
};

}  // namespace turnpike::test
