// SPDX-License-Identifier: Apache-2.0
// Brings datagrams to the ports of relayed transport addresses to the shared socket of the worker
// that owns the port, by the kernel's hook for socket lookups (BPF_SK_LOOKUP). Every other lookup
// of the network namespace goes on as without the program, also where other programs are attached.
// The helpers need the types of the first header.
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/in.h>
// clang-format on

#include "steering/steering_maps.h"

// AF_INET6: the header that defines it does not compile for BPF.
#define FAMILY_IPV6 10

// Steered IP addresses, and the index of their ports.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, TP_STEERING_IPS_MAX);
  __type(key, struct tp_steering_ip);
  __type(value, __u32);
} tp_ips SEC(".maps");

// Mapped into user space, so that a port is steered by a store. A max_entries of 1 is a placeholder
// for the number of IP addresses.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tp_steering_ports);
} tp_ports SEC(".maps");

// The shared sockets of the workers, by tp_steering_socket. One that is closed leaves the map.
struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, TP_STEERING_WORKERS_MAX * 2);
  __type(key, __u32);
  __type(value, __u64);
} tp_sockets SEC(".maps");

SEC("sk_lookup")
int turnpike_steer(struct bpf_sk_lookup *lookup) {
  if (lookup->protocol != IPPROTO_UDP) return SK_PASS;
  const int ipv6 = lookup->family == FAMILY_IPV6;
  __u32 ip[4];
  if (ipv6) {
    for (int i = 0; i < 4; ++i) ip[i] = lookup->local_ip6[i];
    // Keeps the compiler from joining the loads of both branches, which the verifier refuses.
    asm volatile("" ::: "memory");
  } else {
    ip[0] = ip[1] = 0;
    ip[2] = bpf_htonl(0xffff);
    ip[3] = lookup->local_ip4;
  }
  const __u32 *index = bpf_map_lookup_elem(&tp_ips, ip);
  if (!index) return SK_PASS;
  const struct tp_steering_ports *ports = bpf_map_lookup_elem(&tp_ports, index);
  if (!ports) return SK_PASS;
  const __u32 worker = ports->worker[lookup->local_port & 0xffff];
  if (worker == 0) return SK_PASS;
  const __u32 socket = tp_steering_socket(worker, ipv6);
  struct bpf_sock *shared = bpf_map_lookup_elem(&tp_sockets, &socket);
  if (!shared) return SK_PASS;
  // Without effect where the socket is of another family: the lookup goes on then.
  bpf_sk_assign(lookup, shared, 0);
  bpf_sk_release(shared);
  return SK_PASS;
}

// The program calls no helper that is reserved for GPL programs.
char turnpike_license[] SEC("license") = "Apache-2.0";
