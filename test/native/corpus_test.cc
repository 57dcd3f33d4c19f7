// Runs test/corpus/packets.txt, whose head describes its format, through the forwarder.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "forwarder_fixture.h"
#include "io/socket_address.h"

namespace turnpike {
namespace {

uint64_t ToNumber(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 0); }

class Corpus {
 public:
  void RunLine(const std::string& line) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "client" || kind == "trunk") {
      RunPacket(kind == "client", words, line);
    } else {
      SetUp(kind, words);
    }
  }

  int packets() const { return packets_; }

 private:
  FiveTuple ReadTuple(std::istream& words, Side side = Side::kClient) {
    std::string socket, remote;
    words >> socket >> remote;
    return test::ToTuple(static_cast<uint16_t>(ToNumber(socket)), remote, side);
  }

  std::string ReadWord(std::istream& words) {
    std::string word;
    words >> word;
    return word;
  }

  SipKey ReadKey(std::istream& words) {
    return SipKey::FromBytes(test::FromHex(ReadWord(words)).data());
  }

  // Parses an optional `until SECOND` at the end of an entry.
  Expiry ReadUntil(std::istream& words) {
    if (ReadWord(words) != "until") return {};
    return Expiry::After(1, ToNumber(ReadWord(words)) - 2);
  }

  void SetUp(const std::string& kind, std::istream& words) {
    if (kind == "today") now_.trunk_epoch = static_cast<uint16_t>(ToNumber(ReadWord(words)));
    if (kind == "now") now_ = Now{ToNumber(ReadWord(words)), now_.trunk_epoch};
    if (kind == "lane") {
      const uint64_t lane = ToNumber(ReadWord(words));
      fixture_ = std::make_unique<test::ForwarderFixture>(static_cast<uint8_t>(lane),
                                                          ToNumber(ReadWord(words)));
    }
    if (kind == "relay") {
      relay_index_ = static_cast<uint32_t>(ToNumber(ReadWord(words)));
      relays_[relay_index_].path = ReadTuple(words, Side::kTrunk);
    }
    if (kind == "source")
      relays_[relay_index_].sources.push_back(test::ToTransportAddress(ReadWord(words)));
    if (kind == "send" || kind == "receive") {
      const uint16_t epoch = static_cast<uint16_t>(ToNumber(ReadWord(words)));
      const SipKey key = ReadKey(words);
      EXPECT_TRUE(kind == "send" ? relays_[relay_index_].send_keys.Add(epoch, key)
                                 : relays_[relay_index_].receive_keys.Add(epoch, key));
    }
    if (kind == "path") SetUpPath(words);
    if (kind == "flow") SetUpFlow(words);
    if (kind == "session") SetUpSession(words);
  }

  void SetUpPath(std::istream& words) {
    const FiveTuple tuple = ReadTuple(words, Side::kTrunk);
    const std::string heard = ReadWord(words);
    relays_[relay_index_].paths.push_back(TrunkPath{tuple.handle.index(), tuple.remote,
                                                    heard == "answered"     ? Heard::kAnswered
                                                    : heard == "unanswered" ? Heard::kUnanswered
                                                                            : Heard::kUnknown});
  }

  void SetUpFlow(std::istream& words) {
    const FiveTuple tuple = ReadTuple(words);
    const FlowKey key{tuple, static_cast<uint16_t>(ToNumber(ReadWord(words)))};
    if (ReadWord(words) == "trunk") {
      const uint32_t relay_index = static_cast<uint32_t>(ToNumber(ReadWord(words)));
      fixture_->PutFlowToTrunk(key, relay_index, static_cast<uint32_t>(ToNumber(ReadWord(words))));
      fixture_->tables.flows.Find(key)->expiry = ReadUntil(words);
    } else {
      const FiveTuple to = ReadTuple(words);
      fixture_->PutFlowToClient(key, to, static_cast<uint16_t>(ToNumber(ReadWord(words))));
      fixture_->tables.flows.Find(key)->expiry = ReadUntil(words);
    }
  }

  void SetUpSession(std::istream& words) {
    const uint32_t index = static_cast<uint32_t>(ToNumber(ReadWord(words)));
    const uint32_t relay_index = static_cast<uint32_t>(ToNumber(ReadWord(words)));
    const FiveTuple to = ReadTuple(words);
    fixture_->PutSession(index, relay_index, to, static_cast<uint16_t>(ToNumber(ReadWord(words))));
    fixture_->tables.sessions.At(index).expiry = ReadUntil(words);
  }

  void RunPacket(bool client, std::istream& words, const std::string& line) {
    // The relays are complete when the first packet follows.
    for (auto& [relay_index, relay] : relays_)
      fixture_->PutRemoteRelay(relay_index, std::move(relay));
    relays_.clear();
    ++packets_;
    const std::string name = ReadWord(words);
    const FiveTuple tuple = ReadTuple(words, client ? Side::kClient : Side::kTrunk);
    const auto data = test::FromHex(ReadWord(words));
    std::string expected;
    std::getline(words >> std::ws, expected);
    const test::PacketBuffer buffer(data.data(), data.size(), tuple);
    const std::string actual = client ? RunClient(buffer.packet()) : RunTrunk(buffer.packet());
    if (actual != expected) ADD_FAILURE() << line + "\n  gave " + actual;
  }

  std::string RunClient(const Packet& packet) {
    Outgoing out;
    const Verdict verdict = fixture_->ForwardClient(packet, now_, &out);
    const bool leaves = verdict == Verdict::kClientToTrunk || verdict == Verdict::kClientToClient;
    return NameOf(verdict) + (leaves ? Describe(out) : "");
  }

  std::string RunTrunk(const Packet& packet) {
    OpenedTrunk opened;
    Outgoing out;
    const Verdict verdict = fixture_->forwarder.OpenTrunk(packet, now_, &opened, &out);
    std::string results = NameOf(verdict);
    if (verdict == Verdict::kTrunkProbe) results += Describe(out);
    if (verdict != Verdict::kTrunkData) return results;
    while (RecordHeader* record = opened.records.Next()) {
      const Verdict of_record = fixture_->forwarder.ForwardRecord(opened, record, now_, &out);
      results += of_record == Verdict::kTrunkToClient ? Describe(out)
                                                      : std::string(" ! ") + NameOf(of_record);
    }
    return results;
  }

  std::string Describe(const Outgoing& out) {
    return std::string(" > ") + (out.path->handle.side() == Side::kClient ? "client " : "trunk ") +
           std::to_string(out.path->handle.index()) + " " + ToText(out.path->remote) + " " +
           test::ToHex(out.data, out.length);
  }

  Now now_{};
  std::unique_ptr<test::ForwarderFixture> fixture_;
  std::map<uint32_t, RemoteRelay> relays_;
  uint32_t relay_index_ = 0;
  int packets_ = 0;
};

TEST(Corpus, EveryPacketGetsItsVerdict) {
  std::ifstream file(CORPUS_FILE);
  Corpus corpus;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') corpus.RunLine(line);
  }
  EXPECT_TRUE(corpus.packets() > 100);
}

}  // namespace
}  // namespace turnpike
