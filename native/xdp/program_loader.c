/* SPDX-License-Identifier: Apache-2.0 */
#include "xdp/program_loader.h"

#include <errno.h>

#include "base/bpf_load.h"
#include "xdp/generated/relay.lskel.h"

struct load {
  const struct tp_sizes* sizes;
  struct tp_program* program;
  const char** step;
};

static int load_once(void* context) {
  const struct load* load = context;
  const struct tp_sizes* sizes = load->sizes;
  struct tp_program* program = load->program;
  const char** step = load->step;
  *step = "allocate memory";
  struct relay_bpf* skeleton = relay_bpf__open();
  if (skeleton == 0) return -ENOMEM;
#define X(name) skeleton->maps.tp_##name.max_entries = sizes->name;
  TP_MAPS(X)
#undef X
  *step = "load the BPF program";
  const int error = relay_bpf__load(skeleton);
  if (error != 0) {
    relay_bpf__destroy(skeleton);
    return error;
  }
  program->program = skeleton->progs.turnpike_relay.prog_fd;
#define X(name) program->name = skeleton->maps.tp_##name.map_fd;
  TP_MAPS(X)
#undef X
  /* `program` owns the descriptors now. */
  skel_free(skeleton);
  return 0;
}

int tp_program_load(const struct tp_sizes* sizes, struct tp_program* program, const char** step) {
  struct load load = {sizes, program, step};
  return tp_load_uninterrupted(load_once, &load);
}

void tp_program_close(struct tp_program* program) {
  skel_closenz(program->program);
  program->program = 0;
#define X(name)                \
  skel_closenz(program->name); \
  program->name = 0;
  TP_MAPS(X)
#undef X
}
