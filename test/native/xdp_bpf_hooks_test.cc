// Other BPF programs that affect the sockets' packets. Each kind is attached, must be found by host
// rules opened before and after, and is detached.
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>

#include "xdp/host/host_rules.h"
#include "xdp_host_commands.h"

namespace turnpike::test {
namespace {

// Attach types of Linux 6.6, which older headers lack.
constexpr uint32_t kTcxIngress = 46;
constexpr uint32_t kTcxEgress = 47;

int Bpf(int command, bpf_attr* attributes) {
  return static_cast<int>(syscall(__NR_bpf, command, attributes, sizeof(*attributes)));
}

// Loads a program that passes everything. Returns its descriptor, or -1.
int LoadPass(uint32_t type, uint32_t attach_type) {
  const bpf_insn instructions[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1},
                                   {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  bpf_attr attributes{};
  attributes.prog_type = type;
  attributes.expected_attach_type = attach_type;
  attributes.insns = reinterpret_cast<uintptr_t>(instructions);
  attributes.insn_cnt = 2;
  attributes.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  return Bpf(BPF_PROG_LOAD, &attributes);
}

// Attaches such a program to a device, a namespace or a control group. Returns the link, whose
// closing detaches it; -1 if this kernel lacks the attach type.
int Attach(uint32_t program_type, uint32_t attach_type, int target) {
  const int program = LoadPass(program_type, attach_type);
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<uint32_t>(program);
  attributes.link_create.target_fd = static_cast<uint32_t>(target);
  attributes.link_create.attach_type = attach_type;
  const int link = program < 0 ? -1 : Bpf(BPF_LINK_CREATE, &attributes);
  if (program >= 0) close(program);
  return link;
}

struct Found {
  uint32_t touched = 0;
  uint32_t filtered = 0;
  std::string devices;
  std::string text;
};

class Scene {
 public:
  bool Make() {
    if (!world_.Make()) return false;
    inside_ = std::make_unique<Inside>(world_.relay_host);
    scope_.sockets = {SocketAt(0, "10.77.1.1:3478"), SocketAt(1, "[fd77:1::1]:3478")};
    for (const char* name : {"r0", "r1"}) scope_.devices.push_back({name, if_nametoindex(name)});
    rules_.Open(false);
    EXPECT_EQ(Look(&rules_).text, std::string());
    return true;
  }

  // Returns the findings of a look five seconds after the last one.
  Found Look(HostRules* rules) {
    seconds_ += 5;
    rules->Look(scope_, seconds_ * kNsPerSecond);
    Found found;
    for (const Finding& finding : rules->findings()) {
      found.text += finding.what + "; ";
      found.devices += finding.device;
      (finding.kind == FindingKind::kFilter ? found.filtered : found.touched) |= finding.sockets;
    }
    return found;
  }

  // Expects that earlier and new rules find an attached program. Detaches it and expects nothing.
  void Expect(const char* what, int link, const Found& expected) {
    if (link < 0) GTEST_SKIP() << "this kernel cannot attach " << what;
    HostRules others;
    others.Open(false);
    for (HostRules* rules : {&rules_, &others}) {
      const Found found = Look(rules);
      if (found.touched != expected.touched || found.filtered != expected.filtered ||
          found.devices != expected.devices) {
        ADD_FAILURE() << std::string(what) + " was not found: " + found.text;
      }
    }
    close(link);
    EXPECT_EQ(Look(&rules_).text, std::string());
  }

  uint32_t DeviceIndex() const { return scope_.devices[1].ifindex; }

 private:
  World world_;
  std::unique_ptr<Inside> inside_;
  HostScope scope_;
  HostRules rules_;
  uint64_t seconds_ = 0;
};

constexpr uint32_t kIpv4 = 1;
constexpr uint32_t kIpv6 = 2;

TEST(XdpBpfHooks, TrafficControlProgramsAreFoundByDevice) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  for (const uint32_t where : {kTcxIngress, kTcxEgress}) {
    scene.Expect("tcx",
                 Attach(BPF_PROG_TYPE_SCHED_CLS, where, static_cast<int>(scene.DeviceIndex())),
                 Found{0, 0, "r1", ""});
  }
}

TEST(XdpBpfHooks, ASocketLookupProgramIsFound) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  const int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  scene.Expect("sk_lookup", Attach(BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, here),
               Found{kIpv4 | kIpv6, 0, "", ""});
  close(here);
}

// A control group of version 2. This process is in it while it lives.
class ControlGroup {
 public:
  ControlGroup() {
    char folder[] = "/tmp/turnpike-cgroup-XXXXXX";
    if (mkdtemp(folder) == nullptr) return;
    mount_ = folder;
    if (mount("none", folder, "cgroup2", 0, nullptr) != 0) return;
    is_mounted_ = true;
    before_ = mount_ + OwnPath();
    group_ = before_ + "/turnpike-test-" + std::to_string(getpid());
    if (mkdir(group_.c_str(), 0755) != 0 || !Enter(group_)) return;
    fd_ = open(group_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  ~ControlGroup() {
    if (fd_ >= 0) close(fd_);
    if (is_mounted_) {
      Enter(before_);
      rmdir(group_.c_str());
      umount2(mount_.c_str(), MNT_DETACH);
    }
    if (!mount_.empty()) rmdir(mount_.c_str());
  }
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;

  int fd() const { return fd_; }

 private:
  static std::string OwnPath() {
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
      if (line.rfind("0::", 0) == 0) return line == "0::/" ? "" : line.substr(3);
    }
    return "";
  }
  static bool Enter(const std::string& group) {
    std::ofstream file(group + "/cgroup.procs");
    file << getpid() << std::endl;
    return file.good();
  }

  std::string mount_;
  std::string before_;
  std::string group_;
  bool is_mounted_ = false;
  int fd_ = -1;
};

TEST(XdpBpfHooks, ControlGroupProgramsAreFoundByFamily) {
  Scene scene;
  if (!scene.Make()) GTEST_SKIP() << kNoNamespaces;
  const ControlGroup group;
  if (group.fd() < 0) GTEST_SKIP() << "there are no control groups of version 2 here";
  const auto expect = [&](const char* what, uint32_t program, uint32_t attach, const Found& found) {
    scene.Expect(what, Attach(program, attach, group.fd()), found);
  };
  const uint32_t address = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
  expect("sendmsg4", address, BPF_CGROUP_UDP4_SENDMSG, Found{kIpv4, 0, "", ""});
  expect("sendmsg6", address, BPF_CGROUP_UDP6_SENDMSG, Found{kIpv6, 0, "", ""});
  expect("recvmsg4", address, BPF_CGROUP_UDP4_RECVMSG, Found{kIpv4, 0, "", ""});
  expect("recvmsg6", address, BPF_CGROUP_UDP6_RECVMSG, Found{kIpv6, 0, "", ""});
  const uint32_t filter = BPF_PROG_TYPE_CGROUP_SKB;
  expect("ingress", filter, BPF_CGROUP_INET_INGRESS, Found{0, kIpv4 | kIpv6, "", ""});
  expect("egress", filter, BPF_CGROUP_INET_EGRESS, Found{0, kIpv4 | kIpv6, "", ""});
}

}  // namespace
}  // namespace turnpike::test
