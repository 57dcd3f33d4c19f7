import { readdirSync, readFileSync } from 'node:fs';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';
import { WEB_SOCKET_LIMITS } from './web-socket-limits.js';

/** Maximum open connections, if there are descriptors for them; further ones are refused. */
export const CONNECTIONS_MAX = 32_768;

/** Descriptors reserved for everything but connections. */
const SPARE = 32;
/** Minimum of the bounds below, even if there are fewer descriptors. */
const CONNECTIONS_MIN = 16;

/** Bounds of a directory's connections. */
export interface ConnectionBounds {
  /** Maximum open connections. */
  readonly connectionsMax: number;
  /** Number of these that are reserved for relays. */
  readonly relaysReserve: number;
  /** Maximum number of these that are rendezvous sockets. */
  readonly rendezvousMax: number;
  /** Maximum connections without an API key of one source: an IPv4 address or an IPv6 /64. */
  readonly perSourceMax: number;
  /** Maximum of these of one IPv6 /48, which has 65,536 sources. */
  readonly perNetworkMax: number;
}

/** File descriptors of this process: the limit, and the number in use. */
export interface Descriptors {
  readonly limit: number;
  readonly used: number;
}

/**
 * Divides the descriptors. A quarter is reserved for relays, because no connection works without
 * them. At most half are rendezvous sockets, because these stay open long.
 * @param descriptors - undefined if unknown
 */
export function connectionBounds(descriptors: Descriptors | undefined): ConnectionBounds {
  const { limit, used } = descriptors ?? { limit: Number.POSITIVE_INFINITY, used: 0 };
  const free = Math.max(limit - used - SPARE, CONNECTIONS_MIN);
  const connectionsMax = Math.min(free, CONNECTIONS_MAX);
  return {
    connectionsMax,
    relaysReserve: Math.min(Math.floor(connectionsMax / 4), REGISTRATION_LIMITS.relaysMax),
    perSourceMax: Math.max(Math.floor(connectionsMax / 4), CONNECTIONS_MIN),
    perNetworkMax: Math.max(Math.floor(connectionsMax / 2), CONNECTIONS_MIN),
    rendezvousMax: Math.min(Math.floor(connectionsMax / 2), WEB_SOCKET_LIMITS.socketsMax),
  };
}

/**
 * Returns RLIMIT_NOFILE, whose soft limit Node raises to the hard one at start, and the number of
 * open descriptors; undefined without `/proc`.
 */
export function readDescriptors(): Descriptors | undefined {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const [, text = ''] = /^Max open files\s+(\S+)/m.exec(limits) ?? [];
    const limit = text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
    const used = readdirSync('/proc/self/fd').length;
    return limit > 0 ? { limit, used } : undefined;
  } catch {
    return undefined;
  }
}
