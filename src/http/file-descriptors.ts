import { readdirSync, readFileSync } from 'node:fs';
import { LIMITS } from '../limits.js';
import { WEB_SOCKET_LIMITS } from './web-socket-limits.js';

/** Connections open at once, if there are descriptors; beyond it new ones are refused. */
export const CONNECTIONS_MAX = 8_192;

/** Descriptors for files, timers and answers under way besides connections. */
const SPARE = 32;
/** Connections that a directory takes however few descriptors it has. */
const CONNECTIONS_MIN = 16;

/** What a directory may open, from what the system lets it. */
export interface ConnectionBounds {
  /** Connections in all. */
  readonly connectionsMax: number;
  /** Of these, kept for relays. */
  readonly relaysReserve: number;
  /** Of these, at most for peers that wait in rooms. */
  readonly rendezvousMax: number;
  /** Of one source (an IPv4 address, an IPv6 /64), without an API key. */
  readonly perSourceMax: number;
}

/** Descriptors of this process: how many it may have, and has. */
export interface Descriptors {
  readonly limit: number;
  readonly used: number;
}

/**
 * Shares descriptors out: a quarter is kept for relays, because all depends on them, and at most
 * half goes to peers that wait in rooms, because they stay long.
 * @param descriptors - undefined where the system does not say
 */
export function connectionBounds(descriptors: Descriptors | undefined): ConnectionBounds {
  const { limit, used } = descriptors ?? { limit: Number.POSITIVE_INFINITY, used: 0 };
  const free = Math.max(limit - used - SPARE, CONNECTIONS_MIN);
  const connectionsMax = Math.min(free, CONNECTIONS_MAX);
  return {
    connectionsMax,
    relaysReserve: Math.min(Math.floor(connectionsMax / 4), LIMITS.relaysMax),
    perSourceMax: Math.max(Math.floor(connectionsMax / 4), CONNECTIONS_MIN),
    rendezvousMax: Math.min(Math.floor(connectionsMax / 2), WEB_SOCKET_LIMITS.socketsMax),
  };
}

/** RLIMIT_NOFILE, which Node raises to the hard limit at its start, and what is open. */
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
