// The minimal XDP relay, for comparison: looks up the 5-tuple and channel, removes the ChannelData
// header, rewrites the addresses, and redirects the frame to another device.
#include "frame.h"

#define CHANNEL_BYTES 4
#define FLOWS_MAX 131072

struct flow_key {
  __be32 address;
  __be16 port;
  __be16 channel;
};

struct flow_target {
  __be32 source_address;
  __be32 destination_address;
  __be16 source_port;
  __be16 destination_port;
  __u8 source_mac[6];
  __u8 destination_mac[6];
  __u32 device;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, FLOWS_MAX);
  __type(key, struct flow_key);
  __type(value, struct flow_target);
} flows SEC(".maps");

static ALWAYS_INLINE __u64 sum_of_addresses(const struct frame *frame) {
  return sum_of_u32(frame->ip->saddr) + sum_of_u32(frame->ip->daddr);
}

SEC("xdp")
int redirect(struct xdp_md *context) {
  struct frame frame;
  void *end = (void *)(long)context->data_end;
  if (!parse_frame((void *)(long)context->data, end, &frame)) return XDP_PASS;
  if (frame.payload + CHANNEL_BYTES > end) return XDP_PASS;
  __u32 channel_head;
  __builtin_memcpy(&channel_head, frame.payload, sizeof(channel_head));
  const struct flow_key key = {
      .address = frame.ip->saddr, .port = frame.udp->source, .channel = channel_head & 0xffff};
  const struct flow_target *target = bpf_map_lookup_elem(&flows, &key);
  if (target == NULL) return XDP_PASS;

  struct iphdr ip = *frame.ip;
  struct udphdr udp = *frame.udp;
  const __u16 old_ip_bytes = ip.tot_len;
  const __u16 old_udp_bytes = udp.len;
  const __u64 old_addresses = sum_of_addresses(&frame);
  const __u64 old_ports = (__u64)udp.source + udp.dest;
  if (bpf_xdp_adjust_head(context, CHANNEL_BYTES) != 0) return XDP_PASS;
  void *data = (void *)(long)context->data;
  end = (void *)(long)context->data_end;
  if (data + sizeof(struct ethhdr) + sizeof(ip) + sizeof(udp) > end) return XDP_ABORTED;

  struct ethhdr *ethernet = data;
  __builtin_memcpy(ethernet->h_dest, target->destination_mac, 6);
  __builtin_memcpy(ethernet->h_source, target->source_mac, 6);
  ethernet->h_proto = bpf_htons(ETH_P_IP);
  ip.saddr = target->source_address;
  ip.daddr = target->destination_address;
  udp.source = target->source_port;
  udp.dest = target->destination_port;
  ip.tot_len = bpf_htons(bpf_ntohs(old_ip_bytes) - CHANNEL_BYTES);
  udp.len = bpf_htons(bpf_ntohs(old_udp_bytes) - CHANNEL_BYTES);
  const __u64 addresses = sum_of_u32(ip.saddr) + sum_of_u32(ip.daddr);
  ip.check = update_checksum(ip.check, old_addresses + old_ip_bytes, addresses + ip.tot_len);
  if (udp.check != 0) {
    // The UDP length is covered twice: in the header and in the pseudo-header.
    udp.check = update_checksum(
        udp.check, old_addresses + old_ports + 2 * (__u64)old_udp_bytes + sum_of_u32(channel_head),
        addresses + udp.source + udp.dest + 2 * (__u64)udp.len);
    if (udp.check == 0) udp.check = 0xffff;
  }
  __builtin_memcpy(data + sizeof(struct ethhdr), &ip, sizeof(ip));
  __builtin_memcpy(data + sizeof(struct ethhdr) + sizeof(ip), &udp, sizeof(udp));
  return bpf_redirect(target->device, 0);
}

char rig_license[] SEC("license") = "Dual BSD/GPL";
