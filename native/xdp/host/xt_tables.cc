#include "xdp/host/xt_tables.h"

#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "xdp/host/xt_walk.h"

namespace turnpike {

namespace {

template <typename Field>
std::vector<uint8_t> BytesOf(const Field& field) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&field);
  return std::vector<uint8_t>(bytes, bytes + sizeof(field));
}

// Reads a device name and the number of bytes to compare. A trailing `+` matches any rest.
void ReadDevice(const char* name, const unsigned char* mask, std::string* text, size_t* bytes) {
  *text = std::string(name, strnlen(name, IFNAMSIZ));
  while (*bytes < IFNAMSIZ && mask[*bytes] != 0) ++*bytes;
}

void ReadSelectors(const ipt_entry& entry, XtRule* rule) {
  rule->source = BytesOf(entry.ip.src);
  rule->source_mask = BytesOf(entry.ip.smsk);
  rule->destination = BytesOf(entry.ip.dst);
  rule->destination_mask = BytesOf(entry.ip.dmsk);
  ReadDevice(entry.ip.iniface, entry.ip.iniface_mask, &rule->device_in, &rule->device_in_bytes);
  ReadDevice(entry.ip.outiface, entry.ip.outiface_mask, &rule->device_out, &rule->device_out_bytes);
  rule->protocol = static_cast<uint8_t>(entry.ip.proto);
  rule->inversions = entry.ip.invflags;
}

void ReadSelectors(const ip6t_entry& entry, XtRule* rule) {
  rule->source = BytesOf(entry.ipv6.src);
  rule->source_mask = BytesOf(entry.ipv6.smsk);
  rule->destination = BytesOf(entry.ipv6.dst);
  rule->destination_mask = BytesOf(entry.ipv6.dmsk);
  ReadDevice(entry.ipv6.iniface, entry.ipv6.iniface_mask, &rule->device_in, &rule->device_in_bytes);
  ReadDevice(entry.ipv6.outiface, entry.ipv6.outiface_mask, &rule->device_out,
             &rule->device_out_bytes);
  rule->protocol = static_cast<uint8_t>(entry.ipv6.proto);
  rule->inversions = entry.ipv6.invflags;
}

// Reads a match or target: size, name and revision, then its data.
XtRule::Extension ReadExtension(const uint8_t* bytes, size_t length) {
  constexpr size_t kHead = sizeof(xt_entry_target);
  XtRule::Extension extension;
  const auto* name = reinterpret_cast<const char*>(bytes) + 2;
  extension.name = std::string(name, strnlen(name, XT_EXTENSION_MAXNAMELEN));
  extension.data.assign(bytes + kHead, bytes + length);
  return extension;
}

// Parses the rules of a table. Returns false for malformed bytes.
template <typename Entry>
bool ReadRules(const std::vector<uint8_t>& bytes, std::vector<XtRule>* rules) {
  constexpr size_t kHead = sizeof(xt_entry_target);
  for (size_t at = 0; at < bytes.size();) {
    Entry entry;
    if (bytes.size() - at < sizeof(entry)) return false;
    std::memcpy(&entry, bytes.data() + at, sizeof(entry));
    const size_t target = entry.target_offset;
    const size_t next = entry.next_offset;
    if (target < sizeof(entry) || next < target + kHead || next > bytes.size() - at) return false;
    XtRule rule;
    rule.start = static_cast<uint32_t>(at);
    rule.next = static_cast<uint32_t>(at + next);
    ReadSelectors(entry, &rule);
    for (size_t match = sizeof(entry); match + kHead <= target;) {
      uint16_t size;
      std::memcpy(&size, bytes.data() + at + match, sizeof(size));
      if (size < kHead || size > target - match) return false;
      rule.matches.push_back(ReadExtension(bytes.data() + at + match, size));
      match += size;
    }
    rule.target = ReadExtension(bytes.data() + at + target, next - target);
    rules->push_back(std::move(rule));
    at += next;
  }
  return true;
}

template <typename Info, typename Entries>
bool ReadBytes(int level, int info_option, int entries_option, const std::string& name,
               uint32_t hooks[5], std::vector<uint8_t>* bytes) {
  const int fd = socket(level == IPPROTO_IP ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  Info info{};
  std::memcpy(info.name, name.data(), std::min(name.size(), sizeof(info.name) - 1));
  socklen_t length = sizeof(info);
  bool ok = getsockopt(fd, level, info_option, &info, &length) == 0;
  if (ok) {
    std::vector<uint8_t> answer(sizeof(Entries) + info.size);
    auto* entries = reinterpret_cast<Entries*>(answer.data());
    std::memcpy(entries->name, info.name, sizeof(info.name));
    entries->size = info.size;
    length = static_cast<socklen_t>(answer.size());
    ok = getsockopt(fd, level, entries_option, answer.data(), &length) == 0;
    bytes->assign(answer.begin() + sizeof(Entries), answer.end());
    for (int hook = 0; hook < 5; ++hook) {
      hooks[hook] = (info.valid_hooks & 1u << hook) != 0 ? info.hook_entry[hook] : ~0u;
    }
  }
  close(fd);
  return ok;
}

}  // namespace

bool XtTables::Read() {
  tables_.clear();
  const bool ipv4 = ReadFamily(true);
  return ReadFamily(false) && ipv4;
}

bool XtTables::ReadFamily(bool is_ipv4) {
  const std::string path =
      std::string("/proc/thread-self/net/") + (is_ipv4 ? "ip_tables_names" : "ip6_tables_names");
  // The file does not exist without the kernel module. Querying a table would load the module.
  if (access(path.c_str(), F_OK) != 0) return true;
  std::ifstream names(path);
  if (!names) return false;
  bool ok = true;
  for (std::string name; std::getline(names, name);) ok = ReadTable(is_ipv4, name) && ok;
  return ok;
}

bool XtTables::ReadTable(bool is_ipv4, const std::string& name) {
  Table table;
  table.is_ipv4 = is_ipv4;
  table.name = name;
  // The table may change between the two calls.
  for (int i = 0; i < 3; ++i) {
    std::vector<uint8_t> bytes;
    table.rules.clear();
    const bool read = is_ipv4 ? ReadBytes<ipt_getinfo, ipt_get_entries>(IPPROTO_IP, IPT_SO_GET_INFO,
                                                                        IPT_SO_GET_ENTRIES, name,
                                                                        table.entries, &bytes) &&
                                    ReadRules<ipt_entry>(bytes, &table.rules)
                              : ReadBytes<ip6t_getinfo, ip6t_get_entries>(
                                    IPPROTO_IPV6, IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES, name,
                                    table.entries, &bytes) &&
                                    ReadRules<ip6t_entry>(bytes, &table.rules);
    if (!read) continue;
    tables_.push_back(std::move(table));
    return true;
  }
  return false;
}

Findings XtTables::Look(const HostScope& scope) const {
  Findings findings;
  for (const Table& table : tables_) {
    for (const HostSocket& socket : scope.sockets) {
      if (socket.is_ipv4 == table.is_ipv4) LookAtTable(table, socket, scope, &findings);
    }
  }
  return findings;
}

void XtTables::LookAtTable(const Table& table, const HostSocket& socket, const HostScope& scope,
                           Findings* findings) const {
  const auto add = [&](const RuleEffect& effect) {
    if (effect.weight == RuleEffect::Weight::kNone) return;
    AddFinding(findings, Finding{effect.kind,
                                 std::string(table.is_ipv4 ? "iptables " : "ip6tables ") +
                                     effect.name + " in table " + table.name,
                                 socket.bit(),
                                 {}});
  };
  for (const uint32_t hook :
       {NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING}) {
    if (table.entries[hook] == ~0u) continue;
    PacketModel model{socket, scope};
    model.inward = hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_IN;
    add(XtWalk(table.rules, model).From(table.entries[hook]));
  }
  PacketModel anyone{socket, scope};
  anyone.end_known = false;
  for (const XtRule& rule : table.rules) {
    Translation translation;
    const XtRule::Extension& target = rule.target;
    if (MayMatch(rule, anyone) &&
        XtTranslation(target.name, target.data.data(), target.data.size(), &translation) &&
        translation.MayReach(socket)) {
      add(XtTargetEffect(target.name));
    }
  }
}

}  // namespace turnpike
