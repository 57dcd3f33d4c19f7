#include "xdp/host/nft_rule.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include <algorithm>

namespace turnpike {

namespace {

constexpr uint32_t kNoRegister = ~0u;
// Maximum number of 32-bit registers written by a load of unstated length.
constexpr uint32_t kPositionsOfALoad = 4;

bool Is(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* each) { return name == each; });
}

// Returns the number of a register in units of 4 bytes. A 16-byte register is four of these.
uint32_t RegisterOf(Attributes number) {
  const uint32_t value = number.Be32();
  if (!number.present() || value == NFT_REG_VERDICT) return kNoRegister;
  return value <= NFT_REG_4 ? (value - NFT_REG_1) * 4 : value - NFT_REG32_00;
}

std::vector<uint8_t> ValueOf(Attributes data) {
  const Attributes value = data.Find(NFTA_DATA_VALUE);
  return std::vector<uint8_t>(value.data, value.data + value.length);
}

KnownBytes Known(const std::vector<uint8_t>& bytes) {
  KnownBytes known(bytes.size());
  known.Set(0, bytes.data(), bytes.size());
  return known;
}

Comparison ToComparison(uint32_t operation) {
  switch (operation) {
    case NFT_CMP_EQ:
      return Comparison::kEqual;
    case NFT_CMP_NEQ:
      return Comparison::kNotEqual;
    case NFT_CMP_LT:
      return Comparison::kLess;
    case NFT_CMP_LTE:
      return Comparison::kAtMost;
    case NFT_CMP_GT:
      return Comparison::kAbove;
    default:
      return Comparison::kAtLeast;
  }
}

}  // namespace

NftRule::NftRule(Attributes attributes, const PacketModel& model) : model_(model) {
  attributes.Find(NFTA_RULE_EXPRESSIONS).ForEach([this](int, const Attributes& expression) {
    // Expressions behind a failed comparison are not reached.
    if (!may_match_) return;
    Read(expression.Find(NFTA_EXPR_NAME).Text(), expression.Find(NFTA_EXPR_DATA));
  });
}

void NftRule::Read(const std::string& name, Attributes data) {
  if (ReadComparison(name, data)) return;
  if (name == "nat") {
    const bool to = data.Find(NFTA_NAT_TYPE).Be32() == NFT_NAT_DNAT;
    effect_.Add(Touches(FindingKind::kNat, to ? "dnat" : "snat"));
    if (!to) return;
    ReadTranslation(data.Find(NFTA_NAT_REG_ADDR_MIN), data.Find(NFTA_NAT_REG_ADDR_MAX),
                    data.Find(NFTA_NAT_REG_PROTO_MIN), data.Find(NFTA_NAT_REG_PROTO_MAX));
  } else if (name == "redir") {
    effect_.Add(Touches(FindingKind::kRedirect, "redirect"));
    ReadTranslation({}, {}, data.Find(NFTA_REDIR_REG_PROTO_MIN),
                    data.Find(NFTA_REDIR_REG_PROTO_MAX));
  } else if (name == "tproxy") {
    effect_.Add(Touches(FindingKind::kRedirect, name));
    ReadTranslation(data.Find(NFTA_TPROXY_REG_ADDR), {}, data.Find(NFTA_TPROXY_REG_PORT), {});
  } else if (name == "masq") {
    effect_.Add(Touches(FindingKind::kNat, "masquerade"));
  } else if (Is(name, {"fwd", "dup", "queue"})) {
    effect_.Add(Touches(FindingKind::kRedirect, name));
  } else if (name == "reject") {
    effect_.Add(Filters(name));
  } else if (name == "target") {
    ReadTarget(data);
  } else if (name == "objref") {
    // Other objects only count or track.
    const bool tunnel = data.Find(NFTA_OBJREF_IMM_TYPE).Be32() == NFT_OBJECT_TUNNEL;
    if (tunnel || data.Find(NFTA_OBJREF_SET_SREG).present()) {
      effect_.Add(Touches(FindingKind::kMangle, name));
    }
  } else if (!Is(name, {"counter", "log", "limit", "quota", "connlimit", "notrack", "synproxy",
                        "flow_offload", "dynset", "last"})) {
    effect_.Add(Touches(FindingKind::kUnknown, "expression " + name));
  }
}

bool NftRule::ReadComparison(const std::string& name, Attributes data) {
  if (name == "immediate") {
    ReadImmediate(data);
  } else if (name == "payload") {
    ReadPayload(data);
  } else if (name == "meta") {
    ReadMeta(data);
  } else if (name == "bitwise") {
    ReadBitwise(data);
  } else if (name == "cmp") {
    ReadCompare(data);
  } else if (name == "range") {
    ReadRange(data);
  } else if (name == "lookup") {
    ReadLookup(data);
  } else if (name == "match") {
    const Attributes info = data.Find(NFTA_MATCH_INFO);
    may_match_ = XtMatchMayHold(data.Find(NFTA_MATCH_NAME).Text(), info.data, info.length, model_);
  } else if (name == "exthdr" && data.Find(NFTA_EXTHDR_SREG).present()) {
    effect_.Add(Touches(FindingKind::kMangle, "a change of options"));
  } else if (Is(name, {"ct", "fib", "socket", "rt", "osf", "xfrm", "exthdr", "tunnel", "hash",
                       "numgen", "byteorder", "inner"})) {
    // These expressions load unpredictable values or annotate the connection.
    registers_.clear();
  } else {
    return false;
  }
  return true;
}

void NftRule::ReadImmediate(Attributes data) {
  const uint32_t number = RegisterOf(data.Find(NFTA_IMMEDIATE_DREG));
  const Attributes immediate = data.Find(NFTA_IMMEDIATE_DATA);
  if (number != kNoRegister) return Load(number, {Known(ValueOf(immediate))}, true);
  const Attributes verdict = immediate.Find(NFTA_DATA_VERDICT);
  const auto code = static_cast<int32_t>(verdict.Find(NFTA_VERDICT_CODE).Be32());
  if (code == NFT_JUMP || code == NFT_GOTO) {
    jumps_.push_back(verdict.Find(NFTA_VERDICT_CHAIN).Text());
  } else if (code >= 0 && (code & NF_VERDICT_MASK) == NF_DROP) {
    effect_.Add(Filters("drop"));
  } else if (code >= 0 && (code & NF_VERDICT_MASK) != NF_ACCEPT) {
    effect_.Add(Touches(FindingKind::kRedirect, "queue"));
  }
}

void NftRule::ReadPayload(Attributes data) {
  if (data.Find(NFTA_PAYLOAD_SREG).present()) {
    return effect_.Add(Touches(FindingKind::kMangle, "a change of bytes"));
  }
  const uint32_t number = RegisterOf(data.Find(NFTA_PAYLOAD_DREG));
  const uint32_t base = data.Find(NFTA_PAYLOAD_BASE).Be32();
  const uint32_t offset = data.Find(NFTA_PAYLOAD_OFFSET).Be32();
  const uint32_t length = data.Find(NFTA_PAYLOAD_LEN).Be32();
  const bool known = base == NFT_PAYLOAD_NETWORK_HEADER || base == NFT_PAYLOAD_TRANSPORT_HEADER;
  if (!known || length > 64) return Forget(number);
  const auto header =
      base == NFT_PAYLOAD_NETWORK_HEADER ? PacketHeader::kNetwork : PacketHeader::kTransport;
  Load(number, model_.Part(header, offset, length));
}

void NftRule::ReadMeta(Attributes data) {
  // `meta set` affects only how this host handles the packet. Marks are checked where policy
  // routing uses them.
  if (data.Find(NFTA_META_SREG).present()) return;
  const uint32_t number = RegisterOf(data.Find(NFTA_META_DREG));
  const bool ipv4 = model_.socket.is_ipv4;
  switch (data.Find(NFTA_META_KEY).Be32()) {
    case NFT_META_NFPROTO:
      return Load(number, {Known({static_cast<uint8_t>(ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6)})});
    case NFT_META_L4PROTO:
      return Load(number, {Known({IPPROTO_UDP})});
    case NFT_META_PROTOCOL:
      return Load(number, {ipv4 ? Known({0x08, 0x00}) : Known({0x86, 0xdd})});
    case NFT_META_IIFNAME:
      return model_.inward ? Load(number, model_.DeviceNames()) : Forget(number);
    case NFT_META_OIFNAME:
      return model_.inward ? Forget(number) : Load(number, model_.DeviceNames());
    case NFT_META_IIF:
      return model_.inward ? Load(number, model_.DeviceIndexes()) : Forget(number);
    case NFT_META_OIF:
      return model_.inward ? Forget(number) : Load(number, model_.DeviceIndexes());
    default:
      Forget(number);
  }
}

void NftRule::ReadBitwise(Attributes data) {
  const uint32_t to = RegisterOf(data.Find(NFTA_BITWISE_DREG));
  const Register* from = Find(RegisterOf(data.Find(NFTA_BITWISE_SREG)));
  const std::vector<uint8_t> mask = ValueOf(data.Find(NFTA_BITWISE_MASK));
  const std::vector<uint8_t> flipped = ValueOf(data.Find(NFTA_BITWISE_XOR));
  const bool masks = data.Find(NFTA_BITWISE_OP).Be32() == 0 && !mask.empty() &&
                     std::all_of(flipped.begin(), flipped.end(), [](uint8_t b) { return b == 0; });
  if (from == nullptr || !masks || !from->mask.empty()) return Forget(to);
  Register masked{from->candidates, mask, false};
  Forget(to);
  if (to != kNoRegister) registers_[to] = std::move(masked);
}

void NftRule::ReadCompare(Attributes data) {
  const Register* loaded = Find(RegisterOf(data.Find(NFTA_CMP_SREG)));
  if (loaded == nullptr) return;
  may_match_ =
      MayHold(loaded->candidates, loaded->mask, ToComparison(data.Find(NFTA_CMP_OP).Be32()),
              ValueOf(data.Find(NFTA_CMP_DATA)));
}

void NftRule::ReadRange(Attributes data) {
  const Register* loaded = Find(RegisterOf(data.Find(NFTA_RANGE_SREG)));
  if (loaded == nullptr) return;
  const std::vector<uint8_t> from = ValueOf(data.Find(NFTA_RANGE_FROM_DATA));
  const std::vector<uint8_t> to = ValueOf(data.Find(NFTA_RANGE_TO_DATA));
  const bool inside = data.Find(NFTA_RANGE_OP).Be32() == NFT_RANGE_EQ;
  bool may = false;
  for (const KnownBytes& each : loaded->candidates) {
    const auto holds = [&](Comparison comparison, const std::vector<uint8_t>& bound) {
      return MayHold({each}, loaded->mask, comparison, bound);
    };
    may = may || (inside ? holds(Comparison::kAtLeast, from) && holds(Comparison::kAtMost, to)
                         : holds(Comparison::kLess, from) || holds(Comparison::kAbove, to));
  }
  may_match_ = may;
}

void NftRule::ReadLookup(Attributes data) {
  // Set contents are not read: the lookup may match.
  const Attributes to = data.Find(NFTA_LOOKUP_DREG);
  if (!to.present()) return;
  if (to.Be32() == NFT_REG_VERDICT) {
    jumps_anywhere_ = true;
    effect_.Add(Filters("a map of verdicts"));
  }
  registers_.clear();
}

void NftRule::ReadTarget(Attributes data) {
  const std::string name = data.Find(NFTA_TARGET_NAME).Text();
  const Attributes info = data.Find(NFTA_TARGET_INFO);
  effect_.Add(XtTargetEffect(name));
  Translation translation;
  if (XtTranslation(name, info.data, info.length, &translation)) {
    may_translate_to_socket_ |= translation.MayReach(model_.socket);
  }
}

void NftRule::ReadTranslation(Attributes address_min, Attributes address_max, Attributes port_min,
                              Attributes port_max) {
  const size_t ip_bytes = model_.socket.is_ipv4 ? 4 : 16;
  Translation translation;
  std::vector<uint8_t> low;
  std::vector<uint8_t> high;
  if (Constant(address_min, &low) && low.size() >= ip_bytes) {
    if (!Constant(address_max, &high) || high.size() < ip_bytes) high = low;
    translation.has_ip = true;
    std::copy_n(low.begin(), ip_bytes, translation.ip_min);
    std::copy_n(high.begin(), ip_bytes, translation.ip_max);
  }
  if (Constant(port_min, &low) && low.size() >= 2) {
    if (!Constant(port_max, &high) || high.size() < 2) high = low;
    translation.has_port = true;
    translation.port_min = static_cast<uint16_t>(low[0] << 8 | low[1]);
    translation.port_max = static_cast<uint16_t>(high[0] << 8 | high[1]);
  }
  may_translate_to_socket_ |= translation.MayReach(model_.socket);
}

void NftRule::Load(uint32_t number, Candidates candidates, bool is_constant) {
  Forget(number);
  if (number == kNoRegister || candidates.empty()) return;
  registers_[number] = Register{std::move(candidates), {}, is_constant};
}

void NftRule::Forget(uint32_t number) {
  if (number == kNoRegister) return;
  // Also drops earlier registers whose value extends into this one.
  const uint32_t first = number < kPositionsOfALoad ? 0 : number - kPositionsOfALoad + 1;
  for (auto it = registers_.lower_bound(first); it != registers_.end();) {
    const uint32_t registers = static_cast<uint32_t>(it->second.candidates[0].value.size() + 3) / 4;
    const bool overlaps = it->first < number + kPositionsOfALoad && it->first + registers > number;
    it = overlaps ? registers_.erase(it) : std::next(it);
  }
}

const NftRule::Register* NftRule::Find(uint32_t number) const {
  const auto found = registers_.find(number);
  return found == registers_.end() ? nullptr : &found->second;
}

bool NftRule::Constant(Attributes number, std::vector<uint8_t>* bytes) const {
  const Register* loaded = number.present() ? Find(RegisterOf(number)) : nullptr;
  if (loaded == nullptr || !loaded->is_constant) return false;
  *bytes = loaded->candidates[0].value;
  return true;
}

}  // namespace turnpike
