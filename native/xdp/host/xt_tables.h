// The tables of iptables-legacy (x_tables). They send no notifications and are read by getsockopt.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "xdp/host/findings.h"
#include "xdp/host/xt_extensions.h"

namespace turnpike {

// A rule, for both families.
struct XtRule {
  // Byte offsets in the table's entries: of this rule and of the next one.
  uint32_t start = 0;
  uint32_t next = 0;
  // Selectors of every rule. An empty name or a zero mask matches everything.
  std::vector<uint8_t> source, source_mask, destination, destination_mask;
  std::string device_in, device_out;
  size_t device_in_bytes = 0, device_out_bytes = 0;
  uint8_t protocol = 0;
  uint8_t inversions = 0;
  struct Extension {
    std::string name;
    std::vector<uint8_t> data;
  };
  std::vector<Extension> matches;
  Extension target;
};

class XtTables {
 public:
  // Reads the existing tables of both families. Returns false if tables exist, or may exist, and
  // cannot be read.
  bool Read();

  Findings Look(const HostScope& scope) const;

 private:
  struct Table {
    bool is_ipv4 = true;
    std::string name;
    // Offset of each hook's first rule; ~0 if the table does not use the hook.
    uint32_t entries[5] = {};
    std::vector<XtRule> rules;
  };

  bool ReadFamily(bool is_ipv4);
  bool ReadTable(bool is_ipv4, const std::string& name);
  void LookAtTable(const Table& table, const HostSocket& socket, const HostScope& scope,
                   Findings* findings) const;

  std::vector<Table> tables_;
};

}  // namespace turnpike
