import ipaddr from 'ipaddr.js';
import { canonicalIp } from '../address.js';
import { describe } from '../describe-value.js';
import { isTurnpikeError, TurnpikeError } from '../errors.js';

/** A range of addresses of one family. */
export interface PeerRange {
  /** 4 or 16 bytes. */
  readonly bytes: readonly number[];
  /** Length of the prefix that all its addresses share. */
  readonly bits: number;
}

const MAPPED_BITS = 96;

/**
 * Parses an entry of a list of peers: `IP/BITS`, `IP`, or `IP-IP` as coturn writes a range. Bits
 * after the prefix are ignored. IPv4-mapped IPv6 is IPv4, so that no spelling escapes a list.
 * @param text - anything
 * @returns prefixes that make up the range, one for the first two forms
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for another form, with what is wrong
 */
export function parsePeerRange(text: string): PeerRange[] {
  if (typeof text !== 'string') throw noRange(text, 'it is no text');
  const [first = '', last, ...more] = text.split('-').map((part) => part.trim());
  if (more.length > 0) throw noRange(text, 'it has more than one hyphen');
  if (last !== undefined) return between(text, ipOf(text, first), ipOf(text, last));
  const [ip = '', length, ...rest] = first.split('/');
  if (rest.length > 0) throw noRange(text, 'it has more than one slash');
  return [prefix(text, ip, length)];
}

/** Returns whether an address, 4 or 16 bytes, is in a range. */
export function isInRange(address: readonly number[], { bytes, bits }: PeerRange): boolean {
  if (address.length !== bytes.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i += 1) if (address[i] !== bytes[i]) return false;
  const mask = 0xff00 >> (bits & 7);
  return (((address[whole] ?? 0) ^ (bytes[whole] ?? 0)) & mask & 0xff) === 0;
}

/** Returns the 4 or 16 bytes of canonical text. */
export function bytesOfIp(ip: string): number[] {
  return ipaddr.parse(ip).toByteArray();
}

function prefix(text: string, ip: string, length: string | undefined): PeerRange {
  const bytes = ipOf(text, ip);
  const isMapped = bytes.length === 4 && ip.includes(':');
  const most = bytes.length * 8;
  if (length === undefined) return { bytes, bits: most };
  const given = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  const bits = isMapped ? given - MAPPED_BITS : given;
  if (bits >= 0 && bits <= most) return { bytes, bits };
  const [from, to] = isMapped ? [MAPPED_BITS, MAPPED_BITS + most] : [0, most];
  throw noRange(text, `${describe(length)} is no length of a prefix, from ${from} to ${to}`);
}

function ipOf(text: string, ip: string): number[] {
  try {
    return bytesOfIp(canonicalIp(ip));
  } catch (error) {
    throw noRange(text, isTurnpikeError(error) ? error.message : 'it cannot be read');
  }
}

/** Splits the addresses from one to another into prefixes, the longest run first that fits. */
function between(text: string, first: readonly number[], last: readonly number[]): PeerRange[] {
  if (first.length !== last.length) throw noRange(text, 'its ends are of two families');
  const most = first.length * 8;
  const end = numberOf(last);
  let next = numberOf(first);
  if (next > end) throw noRange(text, 'its first address is behind its last');
  const ranges: PeerRange[] = [];
  while (next <= end) {
    let free = 0;
    while (free < most && fits(next, free + 1, end)) free += 1;
    ranges.push({ bytes: bytesFrom(next, first.length), bits: most - free });
    next += 1n << BigInt(free);
  }
  return ranges;
}

/** Returns whether 2^free addresses from `next` on are one prefix that ends by `end`. */
function fits(next: bigint, free: number, end: bigint): boolean {
  const size = 1n << BigInt(free);
  return next % size === 0n && next + size - 1n <= end;
}

function numberOf(bytes: readonly number[]): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function bytesFrom(number: bigint, length: number): number[] {
  return Array.from({ length }, (_, index) =>
    Number((number >> BigInt(8 * (length - 1 - index))) & 0xffn),
  );
}

function noRange(text: unknown, why: string): TurnpikeError {
  const message = `expected IP/BITS, IP or IP-IP, got ${describe(text)}: ${why}`;
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}
