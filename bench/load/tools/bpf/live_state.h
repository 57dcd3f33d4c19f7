// Shared by the live-frame generator and its BPF program.
#pragma once

#include <linux/types.h>

// Maximum number of payload sizes.
#define LIVE_SIZES_MAX 16
// Maximum number of destination ports.
#define LIVE_PORTS_MAX 16384
// Length of Ethernet, IPv4, UDP and ChannelData headers.
#define LIVE_HEAD_BYTES 46

// The first bytes of frames of one size, for flow 0. The UDP checksum is that of a payload head
// with zero sequence, time and flow.
struct live_size {
  __u32 frame_bytes;
  __u8 head[LIVE_HEAD_BYTES + 2];
};

// The only value of the map `state`. While the program runs, only its CPU writes it.
struct live_state {
  __u64 sequence;
  // Monotonic time in ns at which the next frame is due; earlier runs send nothing.
  __u64 due_ns;
  __u64 last_run_ns;
  // Time in ns of runs that sent nothing.
  __u64 idle_ns;
  // Frames not sent because the generator was too far behind.
  __u64 skipped;
  __u64 latest_ns;
};
