/* SPDX-License-Identifier: Apache-2.0 */
#include "steering/steer_loader.h"

#include <errno.h>

#include "base/bpf_load.h"
#include "steering/generated/steer.lskel.h"

struct load {
  unsigned ips;
  struct tp_steering* steering;
};

static int load_once(void* context) {
  const struct load* load = context;
  struct steer_bpf* skeleton = steer_bpf__open();
  if (skeleton == 0) return -ENOMEM;
  skeleton->maps.tp_ports.max_entries = load->ips;
  const int error = steer_bpf__load(skeleton);
  if (error != 0) {
    steer_bpf__destroy(skeleton);
    return error;
  }
  load->steering->program = skeleton->progs.turnpike_steer.prog_fd;
  load->steering->ips = skeleton->maps.tp_ips.map_fd;
  load->steering->ports = skeleton->maps.tp_ports.map_fd;
  load->steering->sockets = skeleton->maps.tp_sockets.map_fd;
  /* The caller owns the descriptors now. */
  skel_free(skeleton);
  return 0;
}

int tp_steering_load(unsigned ips, struct tp_steering* steering) {
  struct load load = {ips, steering};
  return tp_load_uninterrupted(load_once, &load);
}

void tp_steering_close(struct tp_steering* steering) {
  skel_closenz(steering->program);
  skel_closenz(steering->ips);
  skel_closenz(steering->ports);
  skel_closenz(steering->sockets);
  *steering = (struct tp_steering){0};
}
