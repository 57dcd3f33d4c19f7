// The tables of iptables-legacy (x_tables), which make no news and are read by getsockopt.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "xdp/host/findings.h"
#include "xdp/host/xt_extensions.h"

namespace turnpike {

// A rule of either family's layout.
struct XtRule {
  // Offsets from the start of the table's entries.
  uint32_t start = 0;
  uint32_t next = 0;
  // The selectors that every rule has; empty names and masks take all.
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
  // Reads the tables that exist now, of both families. False where there are some, or may be, and
  // they cannot be read.
  bool Read();

  Findings Look(const HostScope& scope) const;

 private:
  struct Table {
    bool is_ipv4 = true;
    std::string name;
    // Where each hook's rules begin; ~0 where the table has none there.
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
