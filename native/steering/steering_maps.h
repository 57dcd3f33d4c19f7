/* SPDX-License-Identifier: Apache-2.0 */
/* What the steering program and its user have in common. */
#ifndef TURNPIKE_STEERING_MAPS_H_
#define TURNPIKE_STEERING_MAPS_H_

#include <linux/types.h>

/* Maximum IP addresses, and maximum workers; native/steering/port_steering.cc compares them. */
#define TP_STEERING_IPS_MAX 64
#define TP_STEERING_WORKERS_MAX 16

/* An IP address; IPv4 addresses are IPv4-mapped. */
struct tp_steering_ip {
  __u8 bytes[16];
};

/* The ports of one IP address: the number of the worker that receives a port, from 1; 0 where the
 * socket that is bound to the port does. */
struct tp_steering_ports {
  __u8 worker[65536];
};

/* Index of a worker's socket of a family, from the number of the worker. */
static inline __u32 tp_steering_socket(__u32 worker, int ipv6) {
  return (worker - 1) * 2 + (ipv6 ? 1 : 0);
}

#endif
