// Counts UDP datagrams at the far end and drops them, except a sample that is passed to a socket.
// Runs in tc for packets sent by sockets; a GSO super-frame counts as its datagrams. Runs in XDP
// for redirected frames, which a device accepts only if it has an XDP program.
#include "frame.h"

struct counts {
  __u64 packets;
  __u64 datagrams;
  __u64 payload_bytes;
  // Packets eligible for sampling.
  __u64 candidates;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct counts);
} delivered SEC(".maps");

// One of this many packets is passed on; 0 passes none.
const volatile __u32 sample_one_in;
// Range of ports whose packets may be passed on.
const volatile __u16 first_port;
const volatile __u16 last_port;

static ALWAYS_INLINE int count(const struct frame *frame, __u32 segment_bytes) {
  const __u32 zero = 0;
  struct counts *counts = bpf_map_lookup_elem(&delivered, &zero);
  if (counts == NULL) return 0;
  const __u32 payload_bytes =
      bpf_ntohs(frame->ip->tot_len) - sizeof(struct iphdr) - sizeof(struct udphdr);
  counts->packets += 1;
  counts->payload_bytes += payload_bytes;
  // The last datagram of a super-frame may be shorter.
  counts->datagrams += segment_bytes == 0 ? 1 : (payload_bytes + segment_bytes - 1) / segment_bytes;
  const __u16 port = bpf_ntohs(frame->udp->dest);
  if (sample_one_in == 0 || port < first_port || port > last_port) return 0;
  counts->candidates += 1;
  return counts->candidates % sample_one_in == 0;
}

SEC("tc")
int count_tc(struct __sk_buff *skb) {
  struct frame frame;
  if (!parse_frame((void *)(long)skb->data, (void *)(long)skb->data_end, &frame)) return 0;
  // TC_ACT_OK and TC_ACT_SHOT.
  return count(&frame, skb->gso_size) ? 0 : 2;
}

SEC("xdp")
int count_xdp(struct xdp_md *context) {
  struct frame frame;
  if (!parse_frame((void *)(long)context->data, (void *)(long)context->data_end, &frame)) {
    return XDP_PASS;
  }
  return count(&frame, 0) ? XDP_PASS : XDP_DROP;
}

char rig_license[] SEC("license") = "Dual BSD/GPL";
