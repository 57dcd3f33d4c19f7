/* SPDX-License-Identifier: Apache-2.0 */
#include "xdp/program_loader.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "xdp/generated/relay.lskel.h"

/* Attempts to load. The verifier fails with EAGAIN when a signal interrupts it. libbpf also tries 5
 * times. */
#define ATTEMPTS_MAX 5

static int load_once(const struct tp_sizes* sizes, struct tp_program* program, const char** step) {
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
  /* Blocks all signals while loading: a pending signal makes the verifier return EAGAIN. */
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = -EAGAIN;
  for (int i = 0; i < ATTEMPTS_MAX && error == -EAGAIN; ++i) {
    error = load_once(sizes, program, step);
  }
  pthread_sigmask(SIG_SETMASK, &before, 0);
  return error;
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
