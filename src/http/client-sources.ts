import { BlockList, isIP } from 'node:net';
import { TurnpikeError } from '../errors.js';

/** Number of 16-bit groups in an IPv6 /64, the prefix of one subscriber. */
const PREFIX_GROUPS = 4;

/** Number of 16-bit groups in an IPv6 /48, the prefix of one site (RFC 6177 section 2). */
const NETWORK_GROUPS = 3;

/** Addresses of X-Forwarded-For that are looked at: the last ones. */
const FORWARDED_HOPS_MAX = 16;

/**
 * Names the source of a connection: an IPv4 address or an IPv6 /64. Connections of a trusted proxy
 * have no source, because it carries many indistinguishable ones.
 */
export class ClientSources {
  /** Undefined without any: a look into a list of Node's makes objects outside of the heap. */
  #proxies: BlockList | undefined;

  /** @throws TurnpikeError as `renewal` */
  constructor(trustedProxies: readonly string[] = []) {
    this.renewal(trustedProxies)();
  }

  /**
   * Prepares a replacement of the trusted proxies.
   * @param trustedProxies - addresses and prefixes: `192.0.2.1`, `2001:db8::/32`
   * @returns a function that replaces them, for later connections
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for any other text
   */
  renewal(trustedProxies: readonly string[]): () => void {
    const proxies = new BlockList();
    for (const proxy of trustedProxies) addProxy(proxies, proxy);
    return () => {
      this.#proxies = trustedProxies.length > 0 ? proxies : undefined;
    };
  }

  /**
   * Returns the name of a source; undefined for a trusted proxy, empty for a closed socket.
   * @param ip - a socket's remote address; undefined once the socket is closed
   */
  nameOf(ip: string | undefined): string | undefined {
    if (ip === undefined) return '';
    const plain = plainOf(ip);
    if (this.#isProxy(plain)) return undefined;
    return plain.includes(':') ? prefixOf(plain, PREFIX_GROUPS) : plain;
  }

  /**
   * Returns the name of a source's network: the /48 of an IPv6 address, which has 65,536 sources.
   * It is no source's name.
   * @param ip - as in `nameOf`
   * @returns undefined for an IPv4 address, a trusted proxy and a closed socket
   */
  networkOf(ip: string | undefined): string | undefined {
    const plain = ip === undefined ? '' : plainOf(ip);
    if (!plain.includes(':') || this.#isProxy(plain)) return undefined;
    return prefixOf(plain, NETWORK_GROUPS);
  }

  /**
   * Returns the IP address of a client; undefined if it is unknown.
   * @param ip - as in `nameOf`
   * @param forwarded - the values of X-Forwarded-For, of which the last address that is no trusted
   *   proxy's counts. It is read only from a trusted proxy: others write into it what they like
   */
  clientOf(ip: string | undefined, forwarded: string | string[] | undefined): string | undefined {
    if (ip === undefined) return undefined;
    const plain = plainOf(ip).split('%', 1)[0] ?? '';
    if (!this.#isProxy(plain)) return plain;
    const hops = [forwarded ?? []].flat().join(',').split(',').slice(-FORWARDED_HOPS_MAX);
    for (const hop of hops.reverse()) {
      const address = plainOf(hop.trim());
      if (isIP(address) === 0) return undefined;
      if (!this.#isProxy(address)) return address;
    }
    return undefined;
  }

  #isProxy(plain: string): boolean {
    return this.#proxies?.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4') ?? false;
  }
}

/** Returns a socket's address without the prefix of IPv4 clients of an IPv6 socket. */
function plainOf(ip: string): string {
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice('::ffff:'.length) : ip;
}

function addProxy(proxies: BlockList, proxy: string): void {
  const [ip = '', length, ...more] = proxy.split('/');
  const family = isIP(ip);
  const longest = family === 4 ? 32 : 128;
  const bits = length === undefined ? longest : Number(length);
  const isPrefix = /^\d{1,3}$/.test(length ?? '0') && bits <= longest && more.length === 0;
  if (family === 0 || !isPrefix) {
    const message = `not an address or prefix of a proxy, such as 10.0.0.0/8: ${proxy}`;
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
  }
  proxies.addSubnet(ip, bits, family === 4 ? 'ipv4' : 'ipv6');
}

/** Returns the first groups of an IPv6 address as a socket spells it, without its zone. */
function prefixOf(ip: string, count: number): string {
  const [head = '', tail] = (ip.split('%', 1)[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':');
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return `${groups.slice(0, count).join(':')}::`;
}
