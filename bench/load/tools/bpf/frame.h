// Shared by the bench's BPF programs: headers of Ethernet, IPv4 without options and UDP, and
// checksum updates (RFC 1624).
#pragma once

// libbpf's headers depend on the kernel's headers before them.
// clang-format off
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#define ALWAYS_INLINE inline __attribute__((always_inline))

#define IP_FRAGMENT_MASK 0x3fff

struct frame {
  struct ethhdr *ethernet;
  struct iphdr *ip;
  struct udphdr *udp;
  void *payload;
};

// Returns whether [data, data_end) begins with the three headers; if so, fills `frame`.
static ALWAYS_INLINE int parse_frame(void *data, void *data_end, struct frame *frame) {
  frame->ethernet = data;
  frame->ip = data + sizeof(struct ethhdr);
  frame->udp = (void *)frame->ip + sizeof(struct iphdr);
  frame->payload = (void *)frame->udp + sizeof(struct udphdr);
  if (frame->payload > data_end) return 0;
  if (frame->ethernet->h_proto != bpf_htons(ETH_P_IP)) return 0;
  if (frame->ip->ihl != 5 || frame->ip->protocol != IPPROTO_UDP) return 0;
  return (frame->ip->frag_off & bpf_htons(IP_FRAGMENT_MASK)) == 0;
}

static ALWAYS_INLINE __u16 fold(__u64 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// Returns the checksum after words that sum to `from` are replaced by words that sum to `to`.
static ALWAYS_INLINE __u16 update_checksum(__u16 checksum, __u64 from, __u64 to) {
  return ~fold((__u16)~checksum + (__u64)(__u16)~fold(from) + to);
}

static ALWAYS_INLINE __u64 sum_of_u32(__u32 word) { return (word & 0xffff) + (word >> 16); }
