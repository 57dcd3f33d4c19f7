import { BlockList, isIP } from 'node:net';
import { TurnpikeError } from '../errors.js';

/** Hextets of an IPv6 prefix that one subscriber has: /64. */
const PREFIX_GROUPS = 4;

/**
 * Tells the sources of connections apart: an IPv4 address, an IPv6 /64. Behind a trusted proxy are
 * many sources that cannot be told apart, so its connections have none.
 */
export class ClientSources {
  readonly #proxies = new BlockList();

  /**
   * @param trustedProxies - addresses and prefixes: `192.0.2.1`, `2001:db8::/32`
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for what is neither
   */
  constructor(trustedProxies: readonly string[] = []) {
    for (const proxy of trustedProxies) this.#trust(proxy);
  }

  /**
   * @param ip - a socket's remote address; undefined once it is closed
   * @returns a name of the source, undefined for a trusted proxy
   */
  nameOf(ip: string | undefined): string | undefined {
    if (ip === undefined) return '';
    const plain = ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice('::ffff:'.length) : ip;
    const isV6 = plain.includes(':');
    if (this.#proxies.check(plain, isV6 ? 'ipv6' : 'ipv4')) return undefined;
    return isV6 ? prefixOf(plain) : plain;
  }

  #trust(proxy: string): void {
    const [ip = '', length, ...more] = proxy.split('/');
    const family = isIP(ip);
    const longest = family === 4 ? 32 : 128;
    const bits = length === undefined ? longest : Number(length);
    const isPrefix = /^\d{1,3}$/.test(length ?? '0') && bits <= longest && more.length === 0;
    if (family === 0 || !isPrefix) {
      const message = `not an address or prefix of a proxy, such as 10.0.0.0/8: ${proxy}`;
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
    }
    this.#proxies.addSubnet(ip, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
}

/** The first 64 bits of an IPv6 address in a socket's spelling, without its zone. */
function prefixOf(ip: string): string {
  const [head = '', tail] = (ip.split('%', 1)[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':');
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return `${groups.slice(0, PREFIX_GROUPS).join(':')}::`;
}
