// Generates frames without sockets: the kernel runs this program on copies of one frame and sends
// those that it redirects. The kernel reuses the pages, and a relay may have changed them in place,
// so everything up to the end of the payload head is written each time.
#include "frame.h"
#include "live_state.h"

// Layout as in payload.h.
struct payload_head {
  __u64 sequence;
  __u64 sent_wall_ns;
  __u32 magic;
  __u32 flow;
};

// Flow i has the size at index i modulo their number. The copied frame has the largest size.
const volatile struct live_size sizes[LIVE_SIZES_MAX];
const volatile __u32 sizes_count = 1;
const volatile __u32 flows = 1;
const volatile __u32 ports_per_address = 20000;
// Offset of the payload, at most LIVE_HEAD_BYTES.
const volatile __u32 payload_at = LIVE_HEAD_BYTES;
// Number of destination ports; flow i has the one at index i. 0: all flows have that of the frame.
const volatile __u32 ports_count;
const volatile __u32 magic;
const volatile __u32 device;
// Offset in ns from the monotonic clock to the wall clock.
const volatile __u64 wall_offset_ns;

// Interval between frames in ns; 0 sends as fast as possible.
const volatile __u64 interval_ns;
// Frames that are due at once, as in one system call of the socket generator.
const volatile __u32 chunk = 1;
// Maximum backlog in ns; what is older is skipped.
const volatile __u64 behind_ns_max = 250000;
// Stops after this many frames.
const volatile __u64 frames_max;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct live_state);
} state SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, LIVE_PORTS_MAX);
  __type(key, __u32);
  __type(value, __u32);
} destination_ports SEC(".maps");

// Returns whether a frame is due now.
static ALWAYS_INLINE int take_turn(struct live_state *live, __u64 now) {
  const __u64 since_last_run_ns = now - live->last_run_ns;
  live->last_run_ns = now;
  const int is_chunk_begun = live->sequence % chunk != 0;
  if ((now < live->due_ns && !is_chunk_begun) || live->sequence >= frames_max) {
    live->idle_ns += since_last_run_ns;
    return 0;
  }
  if (interval_ns == 0 || is_chunk_begun) return 1;
  const __u64 behind_ns = now - live->due_ns;
  if (behind_ns > live->latest_ns) live->latest_ns = behind_ns;
  if (behind_ns > behind_ns_max) {
    live->skipped += behind_ns / interval_ns;
    live->due_ns = now;
  }
  live->due_ns += interval_ns * chunk;
  return 1;
}

static ALWAYS_INLINE __u64 sum_of_u64(__u64 word) {
  return sum_of_u32((__u32)word) + sum_of_u32((__u32)(word >> 32));
}

static ALWAYS_INLINE void set_source(struct frame *frame, __u32 flow) {
  const __be32 old_address = frame->ip->saddr;
  const __be16 old_port = frame->udp->source;
  const __be32 address = bpf_htonl(bpf_ntohl(old_address) + flow / ports_per_address);
  const __be16 port = bpf_htons(bpf_ntohs(old_port) + flow % ports_per_address);
  frame->ip->saddr = address;
  frame->udp->source = port;
  frame->ip->check =
      update_checksum(frame->ip->check, sum_of_u32(old_address), sum_of_u32(address));
  frame->udp->check = update_checksum(frame->udp->check, sum_of_u32(old_address) + old_port,
                                      sum_of_u32(address) + port);
}

static ALWAYS_INLINE void set_destination(struct frame *frame, __u32 flow) {
  const __u32 *port = ports_count == 0 ? NULL : bpf_map_lookup_elem(&destination_ports, &flow);
  if (port == NULL) return;
  const __be16 old_port = frame->udp->dest;
  frame->udp->dest = bpf_htons(*port);
  frame->udp->check = update_checksum(frame->udp->check, old_port, frame->udp->dest);
}

// Trims the frame to its size and writes its headers. Returns 0 on failure.
static ALWAYS_INLINE int begin_frame(struct xdp_md *context, __u32 index) {
  if (index >= LIVE_SIZES_MAX) return 0;
  const volatile struct live_size *size = &sizes[index];
  const long bytes = context->data_end - context->data;
  const long excess = bytes - size->frame_bytes;
  if (excess != 0 && bpf_xdp_adjust_tail(context, -excess) != 0) return 0;
  __u8 *data = (void *)(long)context->data;
  if ((void *)data + LIVE_HEAD_BYTES > (void *)(long)context->data_end) return 0;
  for (int i = 0; i < LIVE_HEAD_BYTES; ++i) data[i] = size->head[i];
  return 1;
}

SEC("xdp")
int generate(struct xdp_md *context) {
  const __u32 zero = 0;
  struct live_state *live = bpf_map_lookup_elem(&state, &zero);
  if (live == NULL) return XDP_ABORTED;
  const __u64 monotonic_ns = bpf_ktime_get_ns();
  if (!take_turn(live, monotonic_ns)) return XDP_DROP;
  const __u64 number = live->sequence;
  const __u32 flow = number % flows;
  if (!begin_frame(context, flow % sizes_count)) return XDP_ABORTED;

  void *data = (void *)(long)context->data;
  void *end = (void *)(long)context->data_end;
  struct frame frame;
  if (!parse_frame(data, end, &frame)) return XDP_ABORTED;
  struct payload_head *payload = data + payload_at;
  if ((void *)(payload + 1) > end) return XDP_ABORTED;
  live->sequence = number + 1;
  const __u64 now = monotonic_ns + wall_offset_ns;
  set_source(&frame, flow);
  set_destination(&frame, flow);
  payload->sequence = number;
  payload->sent_wall_ns = now;
  payload->magic = magic;
  payload->flow = flow;
  const __u16 checksum =
      update_checksum(frame.udp->check, 0, sum_of_u64(number) + sum_of_u64(now) + sum_of_u32(flow));
  frame.udp->check = checksum == 0 ? 0xffff : checksum;
  return bpf_redirect(device, 0);
}

char rig_license[] SEC("license") = "Dual BSD/GPL";
