// Findings in a host's rules. Each kind of rule is set up, must be found, and is removed.
#include <sstream>

#include "xdp/host/host_rules.h"
#include "xdp/host/proc_files.h"
#include "xdp_host_commands.h"
#include "xdp_refusal.h"

namespace turnpike::test {
namespace {

struct Found {
  uint32_t touched = 0;
  uint32_t filtered = 0;
  std::string text;
};

// A host with a socket for clients on one device and one for the trunk on another.
class Scene {
 public:
  bool Make() {
    if (!world_.Make()) return false;
    inside_ = std::make_unique<Inside>(world_.relay_host);
    scope_.sockets = {SocketAt(0, "10.77.1.1:3478"),
                      SocketAt(TP_SOCKETS_PER_SIDE, "10.77.2.1:3480")};
    for (const char* name : {"r0", "r1"}) scope_.devices.push_back({name, if_nametoindex(name)});
    return true;
  }

  Found Look() const {
    HostRules rules;
    rules.Open(true);
    EXPECT_TRUE(rules.Look(scope_, 5 * kNsPerSecond) || rules.findings().empty());
    Found found;
    for (const Finding& finding : rules.findings()) {
      found.text += finding.what + "; ";
      (finding.kind == FindingKind::kFilter ? found.filtered : found.touched) |= finding.sockets;
    }
    return found;
  }

  const HostScope& scope() const { return scope_; }

  // Runs a command whose rules must touch these sockets, and a command that removes the rules.
  void Expect(const std::string& set, const std::string& unset, uint32_t sockets, int line) const {
    if (!Shell(set)) ADD_FAILURE_AT(__FILE__, line) << "cannot run: " + set;
    const Found found = Look();
    if (found.touched != sockets) {
      ADD_FAILURE_AT(__FILE__, line)
          << set + " touches " + std::to_string(found.touched) + ": " + found.text;
    }
    if (!Shell(unset)) ADD_FAILURE_AT(__FILE__, line) << "cannot run: " + unset;
    const Found after = Look();
    if (after.touched != 0) ADD_FAILURE_AT(__FILE__, line) << "left behind: " + after.text;
  }

 private:
  World world_;
  std::unique_ptr<Inside> inside_;
  HostScope scope_;
};

#define EXPECT_OUT(set, unset, sockets) scene.Expect(set, unset, sockets, __LINE__)

TEST(XdpHostRules, NftablesRulesTouchSocketsThatTheyMayMatch) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  const uint32_t both = kClients | kTrunks;
  EXPECT_OUT(Nft(kPrerouting, "ip daddr 10.77.1.1 udp dport 3478 dnat ip to 10.77.2.2"), kNoTable,
             kClients);
  EXPECT_OUT(Nft(kPrerouting, "iifname \"r0\" dnat ip to 10.77.2.2"), kNoTable, both);
  EXPECT_OUT(Nft(kPostrouting, "masquerade"), kNoTable, both);
  EXPECT_OUT(Nft(kPostrouting, "ip saddr 10.77.2.0/24 snat ip to 10.77.2.9"), kNoTable, kTrunks);
  EXPECT_OUT(Nft(kPostrouting, "udp sport 3480 masquerade"), kNoTable, kTrunks);
  // Packets to another port are redirected to the socket, so its responses are translated.
  EXPECT_OUT(Nft(kPrerouting, "udp dport 443 redirect to :3478"), kNoTable, kClients);
  EXPECT_OUT(Nft(kPrerouting, "ip daddr 192.0.2.7 dnat ip to 10.77.1.1"), kNoTable, kClients);
  EXPECT_OUT(Nft("type filter hook prerouting priority -150",
                 "meta l4proto udp ip daddr 10.77.1.1 tproxy ip to 127.0.0.1:9 meta mark set 1"),
             kNoTable, kClients);
  EXPECT_OUT(Nft(kOutput, "udp sport 3478 ip dscp set ef"), kNoTable, kClients);
  EXPECT_OUT(Nft(kPrerouting, "udp dport { 53, 3478 } redirect to :4000"), kNoTable, both);
  EXPECT_OUT(
      "nft 'add table netdev t; add chain netdev t c "
      "{ type filter hook ingress device r0 priority 0; }; "
      "add rule netdev t c udp dport 3478 fwd to r1'",
      "nft delete table netdev t", kClients);
  // Through another chain, and through a verdict map.
  EXPECT_OUT(
      "nft 'add table ip t; add chain ip t d; add rule ip t d meta l4proto udp redirect to :9; "
      "add chain ip t c { type nat hook prerouting priority -100; }; "
      "add rule ip t c ip daddr 10.77.1.0/24 jump d'",
      "nft delete table ip t", kClients);
  EXPECT_OUT(
      "nft 'add table ip t; add chain ip t d; add rule ip t d meta l4proto udp redirect to :9; "
      "add chain ip t c { type nat hook prerouting priority -100; }; "
      "add rule ip t c ip daddr vmap { 10.77.1.1 : jump d }'",
      "nft delete table ip t", both);
}

TEST(XdpHostRules, NftablesRulesThatCannotMatchTouchNoSocket) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  for (const std::string& rule :
       {Nft(kPrerouting, "tcp dport 3478 redirect to :4000"),
        Nft(kPrerouting, "udp dport 5000-6000 redirect to :4000"),
        Nft(kPrerouting, "ip daddr 10.77.3.1 udp dport 3478 dnat ip to 10.77.3.2"),
        Nft(kPrerouting, "iifname \"docker0\" dnat ip to 10.77.3.2"),
        Nft(kPostrouting, "ip saddr 172.17.0.0/16 oifname != \"docker0\" masquerade"),
        Nft("type filter hook forward priority 0", "drop"),
        Nft(kInput, "udp dport 3478 counter accept"),
        std::string("nft 'add table ip6 t; add chain ip6 t c { type nat hook postrouting priority "
                    "100; }; add rule ip6 t c masquerade; '")}) {
    scene.Expect(rule, "nft flush ruleset", 0, __LINE__);
  }
}

TEST(XdpHostRules, UnreadableRulesAreReadAgain) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  HostRules rules;
  rules.Open(true);
  WhileRefused(RefusedCall{__NR_sendto, 3, 0}, [&] {
    rules.Look(scene.scope(), 5 * kNsPerSecond);
    EXPECT_FALSE(rules.findings().empty());
    for (const Finding& finding : rules.findings()) {
      EXPECT_TRUE(finding.kind == FindingKind::kUnknown || finding.kind == FindingKind::kAddress);
    }
  });
  rules.Look(scene.scope(), 7 * kNsPerSecond);
  for (const Finding& finding : rules.findings()) ADD_FAILURE() << finding.what;
}

TEST(XdpHostRules, WithoutConntrackRemovedRulesTouchUntilItsTimeout) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  EXPECT_TRUE(Shell("sysctl -w net.netfilter.nf_conntrack_udp_timeout_stream=30"));
  HostRules rules;
  rules.Open(false);
  const auto touched_at = [&](uint64_t seconds) {
    rules.Look(scene.scope(), seconds * kNsPerSecond);
    uint32_t sockets = 0;
    for (const Finding& finding : rules.findings()) {
      const bool translates =
          finding.kind == FindingKind::kNat || finding.kind == FindingKind::kRedirect;
      if (translates) sockets |= finding.sockets;
    }
    return sockets;
  };
  EXPECT_TRUE(Shell(Nft(kPrerouting, "udp dport 3478 redirect to :4000")));
  EXPECT_EQ(touched_at(5), kClients);
  EXPECT_TRUE(Shell(kNoTable));
  // The request to conntrack, by its length.
  const RefusedCall question{__NR_sendto, 2, 36};
  WhileRefused(question, [&] {
    EXPECT_EQ(touched_at(10), kClients);
    EXPECT_EQ(touched_at(39), kClients);
    EXPECT_EQ(touched_at(41), 0u);
  });
  // If conntrack can be read, it has no translations by rules without packets.
  EXPECT_TRUE(Shell(Nft(kPrerouting, "udp dport 3478 redirect to :4000")));
  EXPECT_EQ(touched_at(50), kClients);
  EXPECT_TRUE(Shell(kNoTable));
  EXPECT_EQ(touched_at(60), 0u);
}

TEST(XdpHostRules, IptablesRulesTouchSocketsThatTheyMayMatch) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  for (const std::string& program : {std::string("iptables-legacy"), std::string("iptables-nft")}) {
    if (!Shell(program + " -t nat -L")) GTEST_SKIP() << "needs " << program;
    const auto expect = [&](const std::string& table, const std::string& rule, uint32_t sockets,
                            int line) {
      const std::string start = program + " -t " + table + " -";
      scene.Expect(start + "A " + rule, start + "D " + rule, sockets, line);
    };
    const uint32_t both = kClients | kTrunks;
    expect("nat", "PREROUTING -p udp --dport 3478 -j REDIRECT --to-ports 4000", kClients, __LINE__);
    expect("nat", "PREROUTING -p udp --dport 443 -j REDIRECT --to-ports 3480", kTrunks, __LINE__);
    expect("nat", "PREROUTING -d 192.0.2.7 -p udp -j DNAT --to-destination 10.77.1.1", kClients,
           __LINE__);
    expect("nat", "PREROUTING -p tcp --dport 3478 -j REDIRECT --to-ports 4000", 0, __LINE__);
    expect("nat", "PREROUTING -p udp --dport 3478 -i docker0 -j REDIRECT --to-ports 9", 0,
           __LINE__);
    expect("nat", "POSTROUTING -s 10.77.2.0/24 -j MASQUERADE", kTrunks, __LINE__);
    expect("nat", "POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", 0, __LINE__);
    expect("nat", "POSTROUTING -o r+ -j MASQUERADE", both, __LINE__);
    expect("mangle", "OUTPUT -p udp --sport 3478 -j TOS --set-tos 0x10", kClients, __LINE__);
    expect("mangle", "INPUT -p udp --dport 3478 -j NFQUEUE --queue-num 7 --queue-bypass", kClients,
           __LINE__);
    expect("mangle", "FORWARD -j TTL --ttl-set 3", 0, __LINE__);
    const std::string chain = program + " -t nat -";
    scene.Expect(chain + "N D && " + chain + "A D -p udp -j REDIRECT --to-ports 9 && " + chain +
                     "A PREROUTING -d 10.77.1.1 -j D",
                 chain + "F PREROUTING && " + chain + "F D && " + chain + "X D", kClients,
                 __LINE__);
  }
}

TEST(XdpHostRules, IpsecPoliciesTouchSocketsThatTheySelect) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  const std::string tunnel = " tmpl src 10.77.1.1 dst 10.77.1.2 proto esp reqid 1 mode transport";
  const auto expect = [&](const std::string& selector, const std::string& rest, uint32_t sockets,
                          int line) {
    scene.Expect("ip xfrm policy add " + selector + rest, "ip xfrm policy delete " + selector,
                 sockets, line);
  };
  expect("src 10.77.1.1 dst 0.0.0.0/0 dir out", tunnel, kClients, __LINE__);
  expect("src 0.0.0.0/0 dst 10.77.2.1 proto udp dir in", tunnel, kTrunks, __LINE__);
  expect("src 0.0.0.0/0 dst 0.0.0.0/0 dir in", " action block", kClients | kTrunks, __LINE__);
  expect("src 10.9.0.0/16 dst 10.8.0.0/16 dir out", tunnel, 0, __LINE__);
  expect("src 10.77.1.1 dst 0.0.0.0/0 proto tcp dir out", tunnel, 0, __LINE__);
  expect("src 0.0.0.0/0 dst 0.0.0.0/0 dir fwd", tunnel, 0, __LINE__);
  expect("src 0.0.0.0/0 dst 0.0.0.0/0 dir out", "", 0, __LINE__);
  EXPECT_OUT("ip xfrm policy setdefault in block", "ip xfrm policy setdefault in accept",
             kClients | kTrunks);
}

TEST(XdpHostRules, RoutingRulesTouchSocketsThatTheyMayMatch) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  const auto expect = [&](const std::string& rule, uint32_t sockets, int line) {
    scene.Expect("ip rule add " + rule, "ip rule del " + rule, sockets, line);
  };
  const uint32_t both = kClients | kTrunks;
  expect("fwmark 1 lookup 100", both, __LINE__);
  expect("from 10.77.1.1 fwmark 1 lookup 100", kClients, __LINE__);
  expect("sport 3480 lookup 100", kTrunks, __LINE__);
  expect("dport 5000 lookup 100", both, __LINE__);
  expect("ipproto tcp fwmark 1 lookup 100", 0, __LINE__);
  expect("iif nothing fwmark 1 lookup 100", 0, __LINE__);
  // The kernel's route lookup takes these into account.
  expect("from 10.77.1.1 lookup 100", 0, __LINE__);
  expect("to 10.77.3.0/24 lookup 100", 0, __LINE__);
  expect("uidrange 77-78 lookup 100", 0, __LINE__);
  // Rules before and after the rule that delivers to this host.
  EXPECT_TRUE(Shell("ip rule add pref 30000 lookup local && ip rule del pref 0"));
  expect("pref 5 iif r0 lookup 100", both, __LINE__);
  expect("pref 5 to 10.77.1.1 lookup 100", kClients, __LINE__);
  expect("pref 31000 iif r0 lookup 100", 0, __LINE__);
}

TEST(XdpHostRules, FiltersAreFoundAndTouchNoSocket) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  const auto expect = [&](const std::string& set, const std::string& unset, uint32_t sockets) {
    if (!Shell(set)) ADD_FAILURE() << "cannot run: " + set;
    const Found found = scene.Look();
    EXPECT_EQ(found.touched, 0u);
    if (found.filtered != sockets) ADD_FAILURE() << set + ": " + found.text;
    if (!Shell(unset)) ADD_FAILURE() << "cannot run: " + unset;
    EXPECT_EQ(scene.Look().filtered, 0u);
  };
  const uint32_t both = kClients | kTrunks;
  expect(Nft(kInput, "udp dport 3478 limit rate over 5/second drop"), kNoTable, kClients);
  expect(Nft(kInput, "tcp dport 3478 drop"), kNoTable, 0);
  expect(Nft(std::string(kInput) + "; policy drop", "udp dport 3478 accept"), kNoTable, both);
  expect(Nft(kOutput, "reject"), kNoTable, both);
  expect("tc qdisc add dev r0 root tbf rate 1mbit burst 10k latency 10ms",
         "tc qdisc del dev r0 root", both);
  expect("sysctl -w net.ipv4.conf.r0.rp_filter=1", "sysctl -w net.ipv4.conf.r0.rp_filter=0", both);
  for (const std::string type : {"blackhole", "prohibit", "unreachable"}) {
    expect("ip route add " + type + " 10.99.0.0/16", "ip route del " + type + " 10.99.0.0/16",
           both);
  }
}

TEST(XdpHostRules, VirtualServicesTouchSocketsOfTheirAddress) {
  HostScope scope;
  scope.sockets = {SocketAt(3, "10.77.1.1:3478")};
  const auto found = [&scope](const std::string& text) {
    std::istringstream file(
        "IP Virtual Server version 1.2.1 (size=4096)\n"
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n" +
        text);
    Findings findings;
    LookAtIpvs(file, scope, &findings);
    return findings.empty() ? uint64_t{0} : findings[0].sockets;
  };
  EXPECT_EQ(found("UDP  0A4D0101:0D96 rr\n  -> 0A4D0202:0D96      Masq    1      0          0\n"),
            1u << 3);
  EXPECT_EQ(found("TCP  0A4D0101:0D96 rr\n"), 0u);
  EXPECT_EQ(found("UDP  0A4D0101:0D97 rr\n"), 0u);
  EXPECT_EQ(found("UDP  0A4D0102:0D96 rr\n"), 0u);
  EXPECT_EQ(found("FWM  00000001 rr\n"), 1u << 3);
  EXPECT_EQ(found("UDP  nonsense\nUDP\n\n"), 0u);
  // Relayed addresses have any port.
  scope.sockets[0].has_all_ports = true;
  scope.sockets[0].ports.clear();
  scope.sockets[0].number = 40;
  EXPECT_EQ(found("UDP  0A4D0101:0D97 rr\n"), uint64_t{1} << 40);
  scope.sockets[0] = SocketAt(3, "10.77.1.1:3478");
  scope.sockets[0].ips = {ToTransportAddress("[fd77:1::1]:1").ip};
  EXPECT_EQ(found("UDP  [fd77:0001:0000:0000:0000:0000:0000:0001]:0D96 rr\n"), 1u << 3);
}

}  // namespace
}  // namespace turnpike::test
