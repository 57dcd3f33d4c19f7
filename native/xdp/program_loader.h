/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the BPF program and its maps. */
#ifndef TURNPIKE_XDP_PROGRAM_LOADER_H_
#define TURNPIKE_XDP_PROGRAM_LOADER_H_

#ifdef __cplusplus
extern "C" {
#endif

/* X(name), in the order of the struct. */
#define TP_MAPS(X)    \
  X(flows)            \
  X(sessions)         \
  X(peers)            \
  X(windows)          \
  X(new_window)       \
  X(destinations)     \
  X(hops)             \
  X(flow_cells)       \
  X(session_cells)    \
  X(flows_carried)    \
  X(sessions_carried) \
  X(settings)         \
  X(cpus)             \
  X(traffics)

/* Entries of each map; 0 keeps what relay.bpf.c says. */
struct tp_sizes {
#define X(name) unsigned name;
  TP_MAPS(X)
#undef X
};

/* Descriptors, owned by the caller. */
struct tp_program {
  int program;
#define X(name) int name;
  TP_MAPS(X)
#undef X
};

/* Loads a program of its own. Returns 0, or -errno, and then `step` is what could not be done. */
int tp_program_load(const struct tp_sizes* sizes, struct tp_program* program, const char** step);

/* Closes the descriptors; what is attached to a device stays as long as its link. */
void tp_program_close(struct tp_program* program);

#ifdef __cplusplus
}
#endif

#endif
