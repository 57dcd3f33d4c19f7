/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the BPF program and its maps. */
#ifndef TURNPIKE_XDP_PROGRAM_LOADER_H_
#define TURNPIKE_XDP_PROGRAM_LOADER_H_

#ifdef __cplusplus
extern "C" {
#endif

/* X(name) for each map, in the order of the struct members. */
#define TP_MAPS(X)    \
  X(flows)            \
  X(sessions)         \
  X(relays)           \
  X(windows)          \
  X(new_window)       \
  X(destinations)     \
  X(hops)             \
  X(flow_cells)       \
  X(session_cells)    \
  X(flows_carried)    \
  X(sessions_carried) \
  X(buckets)          \
  X(settings)         \
  X(cpus)             \
  X(traffics)

/* Number of entries of each map; 0 keeps the value in the BPF object. */
struct tp_sizes {
#define X(name) unsigned name;
  TP_MAPS(X)
#undef X
};

/* File descriptors of the program and its maps. The caller closes them. */
struct tp_program {
  int program;
#define X(name) int name;
  TP_MAPS(X)
#undef X
};

/* Loads a new instance of the program with its maps. Returns 0, or -errno; then `step` names the
 * operation that failed. */
int tp_program_load(const struct tp_sizes* sizes, struct tp_program* program, const char** step);

/* Closes the descriptors. A program attached by a link stays attached until the link's descriptor
 * is closed. */
void tp_program_close(struct tp_program* program);

#ifdef __cplusplus
}
#endif

#endif
