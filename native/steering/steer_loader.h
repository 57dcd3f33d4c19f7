/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the steering program and its maps. */
#ifndef TURNPIKE_STEERING_STEER_LOADER_H_
#define TURNPIKE_STEERING_STEER_LOADER_H_

#ifdef __cplusplus
extern "C" {
#endif

/* File descriptors of the program and its maps; 0 for none. */
struct tp_steering {
  int program;
  int ips;
  int ports;
  int sockets;
};

/* Loads a new instance of the program, for a number of IP addresses. Returns 0, or -errno. */
int tp_steering_load(unsigned ips, struct tp_steering* steering);

/* Closes the descriptors. */
void tp_steering_close(struct tp_steering* steering);

#ifdef __cplusplus
}
#endif

#endif
