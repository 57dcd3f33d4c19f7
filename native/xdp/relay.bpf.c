// SPDX-License-Identifier: Apache-2.0
// The fast path as an XDP program: forwards what rewrite.h is certain about, before the kernel has
// made a socket buffer of it, and passes everything else to the stack untouched.
#include "xdp/rewrite.h"

SEC("xdp")
int turnpike_relay(struct xdp_md* context) { return tp_relay(context); }

// No helper that the program calls is reserved for other licences.
char turnpike_license[] SEC("license") = "Apache-2.0";
