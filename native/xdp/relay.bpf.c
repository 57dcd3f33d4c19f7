// SPDX-License-Identifier: Apache-2.0
// The fast path as an XDP program. Forwards the datagrams that rewrite.h handles, before the kernel
// allocates an skb, and passes every other frame to the stack unchanged.
#include "xdp/rewrite.h"

SEC("xdp")
int turnpike_relay(struct xdp_md* context) { return tp_relay(context); }

// The program calls no helper that is reserved for GPL programs.
char turnpike_license[] SEC("license") = "Apache-2.0";
