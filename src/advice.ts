import type { TransportAddress } from './address.js';

/** The highest port that needs rights (Linux: net.ipv4.ip_unprivileged_port_start). */
const PRIVILEGED_PORT_MAX = 1_023;

/**
 * What to do about an address that cannot be bound.
 * @param errno - the system's error name
 * @returns words to stand after it, or nothing
 */
export function bindAdvice(errno: string | undefined, address: TransportAddress): string {
  switch (errno) {
    case 'EADDRINUSE':
      return ': another socket has this port (`ss -lntup` names its process); give another';
    case 'EACCES':
      return address.port > 0 && address.port <= PRIVILEGED_PORT_MAX
        ? ': ports below 1024 need root or CAP_NET_BIND_SERVICE; give a higher port'
        : ': not permitted';
    case 'EADDRNOTAVAIL':
      return ': no interface of this host has this address; behind a NAT listen on 0.0.0.0 or [::]';
    case 'EAFNOSUPPORT':
      return ': this host does not do this address family';
    case 'EMFILE':
    case 'ENFILE':
      return ': too many open files; raise `ulimit -n`';
    default:
      return '';
  }
}

/**
 * What is wrong with a file that cannot be read, in words.
 * @param errno - the system's error name
 */
export function fileFault(errno: string | undefined): string {
  switch (errno) {
    case 'ENOENT':
      return 'there is no such file (ENOENT)';
    case 'ENOTDIR':
      return 'a part of its path is no folder (ENOTDIR)';
    case 'EACCES':
    case 'EPERM':
      return `this user may not read it (${errno})`;
    case 'EISDIR':
      return 'it is a folder, not a file (EISDIR)';
    case undefined:
      return 'cannot be read';
    default:
      return `cannot be read (${errno})`;
  }
}
