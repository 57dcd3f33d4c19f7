// What the live-frame generator and its BPF program share.
#pragma once

#include <linux/types.h>

// Payload sizes that frames can have.
#define LIVE_SIZES_MAX 16
// Link, IP, UDP and ChannelData headers.
#define LIVE_HEAD_BYTES 46

// What frames of one size begin with, for flow 0. The UDP checksum is for a payload head whose
// sequence, time and flow are zero.
struct live_size {
  __u32 frame_bytes;
  __u8 head[LIVE_HEAD_BYTES + 2];
};

// The one value of the map `state`; only the program's CPU writes it while it runs.
struct live_state {
  __u64 sequence;
  // When the next frame is due, by the monotonic clock; the runs before it send nothing.
  __u64 due_ns;
  __u64 last_run_ns;
  // Time in runs that sent nothing.
  __u64 idle_ns;
  // Frames never sent because the generator was 10 ms behind.
  __u64 skipped;
  __u64 latest_ns;
};
