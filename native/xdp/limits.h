/* SPDX-License-Identifier: Apache-2.0 */
/* Limits that the BPF program has in common with the data plane.
 * Made from src/native/interface.ts and counters.ts by `npm run build:interface`. */
#ifndef TURNPIKE_XDP_LIMITS_H_
#define TURNPIKE_XDP_LIMITS_H_

#define TP_RECEIVE_KEYS 3
#define TP_SOCKETS_PER_SIDE 16
#define TP_WORKERS_MAX 16
#define TP_LANE_FIRST 128
#define TP_LANES 128
#define TP_SEQUENCE_GAP_MAX 4096

#endif
