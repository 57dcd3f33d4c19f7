import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type AddressFamily, type TransportAddress, transportAddress } from '../address.js';
import { describe } from '../describe-value.js';
import { TurnpikeError } from '../errors.js';

/** Default port of a STUN server (RFC 8489 section 8.1). */
const STUN_PORT = 3_478;

/** Time for a name server to answer, ms. */
export const STUN_LOOKUP_MS = 10_000;

/** A STUN server as it is given. */
export interface StunServerName {
  /** A host name or an IP address. */
  readonly host: string;
  readonly port: number;
}

const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$/i;

/**
 * Parses the name of a STUN server: `HOST`, `HOST:PORT`, `[IPv6]` or `[IPv6]:PORT`, where HOST is a
 * host name or an IPv4 address. The default port is 3478.
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for another form
 */
export function parseStunServer(text: string): StunServerName {
  const [, ipv6, name = '', digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = ipv6 ?? name;
  const port = digits === undefined ? STUN_PORT : Number(digits);
  const isDotted = /^[\d.]+$/.test(name);
  const isHost =
    ipv6 !== undefined
      ? isIP(ipv6) === 6 && !ipv6.includes('%')
      : isDotted
        ? isIP(name) === 4
        : isName(name);
  if (isHost && port >= 1 && port <= 65_535) return { host, port };
  const message = `STUN server ${describe(text)}: expected HOST, HOST:PORT or [IPv6]:PORT`;
  throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', message);
}

function isName(name: string): boolean {
  return name.length <= 253 && NAME.test(name);
}

/** Returns all addresses of a name, as `lookup` of node:dns. */
export type Lookup = (host: string) => Promise<readonly { address: string; family: number }[]>;

/**
 * Returns a server's address of a family.
 * @param find - for tests
 * @returns undefined if it has none
 * @throws TurnpikeError ERR_TURNPIKE_STUN_SERVER if its name cannot be resolved within
 *   STUN_LOOKUP_MS
 */
export async function stunServerAddress(
  { host, port }: StunServerName,
  family: AddressFamily,
  find: Lookup = (name) => lookup(name, { all: true }),
): Promise<TransportAddress | undefined> {
  const version = isIP(host);
  if (version !== 0) return version === family ? transportAddress(host, port) : undefined;
  const timer = new AbortController();
  const late = delay(STUN_LOOKUP_MS, undefined, { signal: timer.signal }).then(
    () => 'ETIMEDOUT',
    () => '',
  );
  const errnoOf = (error: NodeJS.ErrnoException) => error.code ?? 'unknown';
  const found = await Promise.race([find(host).catch(errnoOf), late]);
  timer.abort();
  if (typeof found === 'string') {
    const message = `the name of the STUN server ${host} cannot be resolved (${found})`;
    throw new TurnpikeError('ERR_TURNPIKE_STUN_SERVER', message, { errno: found });
  }
  const one = found.find((each) => each.family === family);
  return one && transportAddress(one.address, port);
}
