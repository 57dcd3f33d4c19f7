/* SPDX-License-Identifier: Apache-2.0 */
/* What the generated light skeleton expects of the header of this name, and no more of it: so the
 * addon compiles with the kernel's headers alone. The skeleton has two parts: data (maps, types and
 * the program) and a BPF program that loads them; the kernel runs the latter once. */
#ifndef TURNPIKE_SKEL_INTERNAL_H_
#define TURNPIKE_SKEL_INTERNAL_H_

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One of these for each map and program is what the loading program reads and writes. */
struct bpf_map_desc {
  int map_fd;
  /* In place of the map's own size, if not 0. */
  __u32 max_entries;
  __aligned_u64 initial_value;
};

struct bpf_prog_desc {
  int prog_fd;
};

struct bpf_loader_ctx {
  __u32 sz;
  __u32 flags;
  __u32 log_level;
  __u32 log_size;
  __u64 log_buf;
};

struct bpf_load_and_run_opts {
  struct bpf_loader_ctx* ctx;
  const void* data;
  const void* insns;
  __u32 data_sz;
  __u32 insns_sz;
  const char* errstr;
};

static inline void* skel_alloc(size_t bytes) { return calloc(1, bytes); }
static inline void skel_free(void* memory) { free(memory); }
static inline int skel_closenz(int fd) { return fd > 0 ? close(fd) : -EINVAL; }

/* A descriptor, or -errno with `step` as what failed. */
static inline int skel_call(struct bpf_load_and_run_opts* options, const char* step, int command,
                            union bpf_attr* attributes) {
  const long result = syscall(__NR_bpf, command, attributes, sizeof(*attributes));
  if (result >= 0) return (int)result;
  options->errstr = step;
  return -errno;
}

/* The data as the only element of an array map, which the loading program works on. */
static inline int skel_make_data(struct bpf_load_and_run_opts* options) {
  const __u32 first = 0;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = sizeof(first);
  attributes.value_size = options->data_sz;
  attributes.max_entries = 1;
  strcpy(attributes.map_name, "turnpike_data");
  const int map = skel_call(options, "create a map", BPF_MAP_CREATE, &attributes);
  if (map < 0) return map;
  memset(&attributes, 0, sizeof(attributes));
  attributes.map_fd = (__u32)map;
  attributes.key = (__u64)(unsigned long)&first;
  attributes.value = (__u64)(unsigned long)options->data;
  const int error = skel_call(options, "fill a map", BPF_MAP_UPDATE_ELEM, &attributes);
  if (error == 0) return map;
  close(map);
  return error;
}

static inline int skel_load_loader(struct bpf_load_and_run_opts* options, int map) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.prog_type = BPF_PROG_TYPE_SYSCALL;
  attributes.insns = (__u64)(unsigned long)options->insns;
  attributes.insn_cnt = options->insns_sz / sizeof(struct bpf_insn);
  /* The licence of the generated program, which is not the relay's. */
  attributes.license = (__u64)(unsigned long)"Dual BSD/GPL";
  attributes.prog_flags = BPF_F_SLEEPABLE;
  attributes.fd_array = (__u64)(unsigned long)&map;
  strcpy(attributes.prog_name, "turnpike_load");
  return skel_call(options, "load the loading program", BPF_PROG_LOAD, &attributes);
}

/* Returns 0, or -errno with the failed step in `errstr`. */
static inline int bpf_load_and_run(struct bpf_load_and_run_opts* options) {
  const int map = skel_make_data(options);
  if (map < 0) return map;
  const int program = skel_load_loader(options, map);
  int error = program;
  if (program >= 0) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof(attributes));
    attributes.test.prog_fd = (__u32)program;
    attributes.test.ctx_in = (__u64)(unsigned long)options->ctx;
    attributes.test.ctx_size_in = options->ctx->sz;
    error = skel_call(options, "run the loading program", BPF_PROG_RUN, &attributes);
    if (error >= 0) error = (int)attributes.test.retval;
    if (error < 0 && options->errstr == 0) options->errstr = "load the program";
    if (error > 0) error = 0;
    close(program);
  }
  close(map);
  return error;
}

#endif
