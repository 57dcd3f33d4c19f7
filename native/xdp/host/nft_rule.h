// One nftables rule: whether it may match a packet, and its effect.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "xdp/host/netlink_dump.h"
#include "xdp/host/xt_extensions.h"

namespace turnpike {

// Evaluates the expressions of a rule in order, with the possible contents of registers.
class NftRule {
 public:
  // `attributes` are those of the rule's message.
  NftRule(Attributes attributes, const PacketModel& model);

  // The strongest effect before a comparison excludes the packet.
  const RuleEffect& effect() const { return effect_; }
  // The chains that it may jump to.
  const std::vector<std::string>& jumps() const { return jumps_; }
  // Whether a verdict map may jump to any chain of the table.
  bool jumps_anywhere() const { return jumps_anywhere_; }
  // Whether it may translate another destination to the socket's address and port.
  bool may_translate_to_socket() const { return may_translate_to_socket_; }

 private:
  struct Register {
    Candidates candidates;
    std::vector<uint8_t> mask;
    // Whether the rule loaded a constant.
    bool is_constant = false;
  };

  void Read(const std::string& name, Attributes data);
  // Evaluates an expression that loads or compares. Returns false for any other expression.
  bool ReadComparison(const std::string& name, Attributes data);
  void ReadImmediate(Attributes data);
  void ReadPayload(Attributes data);
  void ReadMeta(Attributes data);
  void ReadBitwise(Attributes data);
  void ReadCompare(Attributes data);
  void ReadRange(Attributes data);
  void ReadLookup(Attributes data);
  void ReadTarget(Attributes data);
  void ReadTranslation(Attributes address_min, Attributes address_max, Attributes port_min,
                       Attributes port_max);
  void Load(uint32_t number, Candidates candidates, bool is_constant = false);
  void Forget(uint32_t number);
  const Register* Find(uint32_t number) const;
  // Reads the constant in a register. Returns false if the rule loaded none.
  bool Constant(Attributes number, std::vector<uint8_t>* bytes) const;

  const PacketModel& model_;
  std::map<uint32_t, Register> registers_;
  bool may_match_ = true;
  RuleEffect effect_;
  std::vector<std::string> jumps_;
  bool jumps_anywhere_ = false;
  bool may_translate_to_socket_ = false;
};

}  // namespace turnpike
