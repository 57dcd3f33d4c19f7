/* SPDX-License-Identifier: Apache-2.0 */
/* Loads a BPF program in spite of signals. For C, which the light skeletons need. */
#ifndef TURNPIKE_BASE_BPF_LOAD_H_
#define TURNPIKE_BASE_BPF_LOAD_H_

#include <errno.h>
#include <pthread.h>
#include <signal.h>

/* Attempts to load. The verifier fails with EAGAIN when a signal interrupts it. libbpf also tries 5
 * times. */
#define TP_LOAD_ATTEMPTS_MAX 5

/* Calls `load` with `context` until it returns another number than -EAGAIN, which it returns.
 * Blocks all signals meanwhile: a pending signal makes the verifier return EAGAIN. */
static inline int tp_load_uninterrupted(int (*load)(void* context), void* context) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = -EAGAIN;
  for (int i = 0; i < TP_LOAD_ATTEMPTS_MAX && error == -EAGAIN; ++i) error = load(context);
  pthread_sigmask(SIG_SETMASK, &before, 0);
  return error;
}

#endif
