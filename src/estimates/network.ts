import { isIP } from 'node:net';

/** Bits of IPv6 that a network is read of; of IPv4 all 32. */
const IPV6_BITS = 48;

/**
 * Prefixes by which addresses are clustered without a database, by family: a leaf's, its parent's.
 */
const LEAF_BITS = { 4: 20, 6: 40 } as const;
const PARENT_BITS = { 4: 12, 6: 28 } as const;

/** An address or a prefix of addresses. */
export interface Network {
  readonly family: 4 | 6;
  /** Its first 32 bits of IPv4, 48 of IPv6. */
  readonly high: number;
  /** The text without the length of the prefix. */
  readonly address: string;
}

/**
 * Reads an address or a prefix. IPv4-mapped IPv6 becomes IPv4.
 * @param text - such as `203.0.113.0/24`, `2001:db8::/48` or `203.0.113.7`
 * @returns undefined for any other text, and for a prefix that is shorter than a parent cluster's
 */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const version = isIP(address);
  if (version === 0 || (version === 6 && address.includes('%'))) return undefined;
  const mapped = version === 6 ? MAPPED.exec(address)?.[1] : undefined;
  const family = version === 4 || mapped !== undefined ? 4 : 6;
  if (slash >= 0 && !isLength(text.slice(slash + 1), family)) return undefined;
  const plain = mapped ?? address;
  return { family, high: family === 4 ? ipv4High(plain) : ipv6High(plain), address: plain };
}

function isLength(text: string, family: 4 | 6): boolean {
  const bits = Number(text);
  return /^\d{1,3}$/.test(text) && bits >= PARENT_BITS[family] && bits <= (family === 4 ? 32 : 128);
}

function ipv4High(text: string): number {
  let [value, part] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      value = value * 256 + part;
      part = 0;
    } else {
      part = part * 10 + code - ZERO;
    }
  }
  return value * 256 + part;
}

const [ZERO, DOT] = [0x30, 0x2e];
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

function ipv6High(text: string): number {
  const groups = text.split(':');
  let value = 0;
  let isGap = false;
  for (let i = 0; i < IPV6_BITS / 16; i++) {
    const group = groups[i] ?? '';
    isGap ||= group === '';
    value = value * 65_536 + (isGap ? 0 : Number.parseInt(group, 16));
  }
  return value;
}

/** Returns the prefix of a leaf cluster without a database, such as `203.0.112.0/20`. */
export function leafPrefix(network: Network): string {
  return prefixText(network, LEAF_BITS[network.family]);
}

/** Returns the prefix of that cluster's parent. */
export function parentPrefix(network: Network): string {
  return prefixText(network, PARENT_BITS[network.family]);
}

/** Returns a number that only the networks of one leaf cluster have. */
export function leafKey(network: Network): number {
  return prefixKey(network, LEAF_BITS[network.family]) * 2;
}

/** Returns a number that only the networks of one parent cluster have. */
export function parentKey(network: Network): number {
  return prefixKey(network, PARENT_BITS[network.family]) * 2 + 1;
}

function prefixKey({ family, high }: Network, bits: number): number {
  const first = Math.floor(high / 2 ** ((family === 4 ? 32 : IPV6_BITS) - bits));
  return first * 2 + (family === 4 ? 0 : 1);
}

function prefixText({ family, high }: Network, bits: number): string {
  const unit = 2 ** ((family === 4 ? 32 : IPV6_BITS) - bits);
  const first = Math.floor(high / unit) * unit;
  const [groups, base] = family === 4 ? [4, 256] : [3, 65_536];
  const parts = Array.from({ length: groups }, (_, i) =>
    (Math.floor(first / base ** (groups - 1 - i)) % base).toString(family === 4 ? 10 : 16),
  );
  if (family === 4) return `${parts.join('.')}/${bits}`;
  while (parts.length > 1 && parts.at(-1) === '0') parts.pop();
  return `${parts.join(':')}::/${bits}`;
}
