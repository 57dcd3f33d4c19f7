import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { describe } from './describe-value.js';
import { isTurnpikeError, TurnpikeError } from './errors.js';

/**
 * A UDP transport address. `address` is canonical text (dotted decimal, or RFC 5952 for IPv6) and
 * never IPv4-mapped IPv6, so two addresses are equal if their fields are. To be created by the
 * functions of this file only.
 */
export interface TransportAddress {
  readonly address: string;
  readonly port: number;
}

export type AddressFamily = 4 | 6;

/** Returns the family of a canonical address: 6 if its text has a colon. */
export function familyOf(address: TransportAddress): AddressFamily {
  return address.address.includes(':') ? 6 : 4;
}

/** Returns whether two transport addresses have the same address and port. */
export function sameAddress(a: TransportAddress, b: TransportAddress): boolean {
  return a.port === b.port && a.address === b.address;
}

/** An address in options: `IP:PORT`, `[IPv6]:PORT`, or `{ address, port }`. */
export type AddressInput = string | TransportAddress;

/** An address, or why a value is none. */
export type DecodedAddress =
  | { readonly ok: true; readonly address: TransportAddress }
  | { readonly ok: false; readonly reason: string };

/**
 * Returns `192.0.2.1:3478` or `[2001:db8::1]:3478`, for logs, map keys and configuration.
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for a value that is not an address
 */
export function formatAddress(address: TransportAddress): string {
  try {
    const { address: ip, port } = address;
    if (typeof ip === 'string' && typeof port === 'number') {
      return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
    }
  } catch {
    // An object whose getters throw is not an address.
  }
  throw noAddress(address);
}

/**
 * Returns the canonical text of an IP address. IPv4-mapped IPv6 becomes IPv4, so that it bypasses
 * no filter (CVE-2026-27624).
 * @param text - an IPv4 or IPv6 literal without port, brackets or zone
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for any other text
 */
export function canonicalIp(text: string): string {
  const reason = ipFault(text);
  if (reason !== undefined) throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', reason);
  if (isIPv4(text)) return text;
  // Without the zero ipaddr.js takes the IPv4-compatible form for the IPv4-mapped one.
  const parsed = ipaddr.IPv6.parse(text.replace(/^::(?=\d+\.)/, '0::'));
  return parsed.isIPv4MappedAddress()
    ? parsed.toIPv4Address().toString()
    : parsed.toRFC5952String();
}

/**
 * Parses a transport address.
 * @param text - `a.b.c.d:port` or `[v6]:port`; port 0 to 65535
 * @returns the canonical transport address
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS with the fault
 */
export function parseAddress(text: string): TransportAddress {
  return toAddress(text);
}

/**
 * Converts an address in options.
 * @param input - `IP:PORT`, `[IPv6]:PORT`, or `{ address, port }`
 * @returns the canonical transport address
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS with the fault
 */
export function toAddress(input: AddressInput): TransportAddress {
  const decoded = decodeAddress(input);
  if (decoded.ok) return decoded.address;
  throw noAddress(input, decoded.reason);
}

/**
 * Converts any value as `toAddress`, but returns the fault.
 * @param input - anything
 */
export function decodeAddress(input: unknown): DecodedAddress {
  try {
    if (typeof input === 'string') return decodeText(input);
    if (typeof input !== 'object' || input === null) {
      return { ok: false, reason: 'neither text nor an object with address and port' };
    }
    const { address, port } = input as Partial<TransportAddress>;
    return { ok: true, address: transportAddress(address as string, port as number) };
  } catch (error) {
    // The input may be an object whose getters throw.
    return { ok: false, reason: isTurnpikeError(error) ? error.message : 'it cannot be read' };
  }
}

/**
 * Returns a canonical transport address.
 * @param ip - an IP literal
 * @param port - 0 to 65535
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for any other value
 */
export function transportAddress(ip: string, port: number): TransportAddress {
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    const reason = `${describe(port)} is no port: a whole number from 0 to ${PORT_MAX}`;
    throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', reason);
  }
  // The sum turns -0 into 0.
  return { address: canonicalIp(ip), port: port + 0 };
}

const PORT_MAX = 65_535;

function noAddress(input: unknown, reason?: string): TurnpikeError {
  const why = reason === undefined ? '' : `: ${reason}`;
  const message = `expected IP:PORT or [IPv6]:PORT, got ${describe(input)}${why}`;
  return new TurnpikeError('ERR_TURNPIKE_ADDRESS', message);
}

function decodeText(text: string): DecodedAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s*]+)):(\d{1,5})$/.exec(text);
  if (match === null) return { ok: false, reason: textFault(text) };
  const [, ipv6, ipv4 = '', port] = match;
  if (ipv6 !== undefined && !ipv6.includes(':')) {
    return { ok: false, reason: 'brackets are for IPv6 addresses alone' };
  }
  return { ok: true, address: transportAddress(ipv6 ?? ipv4, Number(port)) };
}

/** Returns what is wrong with a text that has not the form of an address, and what to write. */
function textFault(text: string): string {
  if (text === '') return 'it is empty';
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return 'it is a URL; leave the scheme and path out';
  if (/\s/.test(text)) return 'there must be no space in it';
  if (/^\*?:\d+$/.test(text)) return 'write 0.0.0.0 or [::] for every address of this host';
  const bare = text.replace(/%.*$/, '');
  if (isIPv6(bare)) return `write an IPv6 address in brackets, and the port: [${bare}]:3478`;
  if (isIPv4(text) || /^\[[^\]]*\]$/.test(text)) return `the port is missing: ${text}:3478`;
  const [, host = '', port] = /^(?:\[[^\]]*\]|([^:]*)):(.*)$/.exec(text) ?? [];
  if (port === undefined) return 'the port is missing, and names are not resolved';
  if (port.includes(':')) return 'it is no IPv6 address in brackets with a port';
  if (host !== '' && !/^\d+(\.\d+){3}$/.test(host)) return nameFault(host);
  return port === '' ? 'the port is missing' : `${describe(port)} is no port`;
}

/** Returns what is wrong with an IP address; undefined if nothing is. */
function ipFault(text: unknown): string | undefined {
  if (typeof text !== 'string') return `${describe(text)} is no IP address`;
  if (isIPv4(text)) return undefined;
  const [bare = '', zone] = text.split('%');
  if (isIPv6(bare)) {
    if (zone === undefined) return undefined;
    return `zone ids are not supported: give a global address instead of ${describe(text)}`;
  }
  if (text === '' || /^[\d.]+$/.test(text) || text.includes(':')) {
    return `${describe(text)} is no IP address`;
  }
  return nameFault(text);
}

function nameFault(name: string): string {
  const hint = name.toLowerCase() === 'localhost' ? '127.0.0.1 or [::1]' : 'its IP address';
  return `${describe(name)} is a name, and names are not resolved: write ${hint}`;
}

/** Returns the 4 or 16 address bytes, in network order. */
export function addressBytes(address: TransportAddress): Uint8Array {
  const text = address.address;
  if (!text.includes(':')) {
    const parts = text.split('.');
    return Uint8Array.of(Number(parts[0]), Number(parts[1]), Number(parts[2]), Number(parts[3]));
  }
  return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
}

/**
 * Returns the transport address of raw bytes; IPv4-mapped IPv6 becomes IPv4.
 * @param bytes - 4 or 16 bytes in network order
 * @param port - 0 to 65535
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for another length
 */
export function addressFromBytes(bytes: Uint8Array, port: number): TransportAddress {
  if (bytes.length === 4) {
    return { address: `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`, port };
  }
  if (bytes.length !== 16) {
    throw new TurnpikeError(
      'ERR_TURNPIKE_ADDRESS',
      `an address has 4 or 16 bytes, not ${bytes.length}`,
    );
  }
  const ip = new ipaddr.IPv6(Array.from(bytes));
  return {
    address: ip.isIPv4MappedAddress() ? ip.toIPv4Address().toString() : ip.toRFC5952String(),
    port,
  };
}

/** Returns whether the address is the wildcard of its family (0.0.0.0 or ::). */
export function isWildcard(address: TransportAddress): boolean {
  return address.address === '0.0.0.0' || address.address === '::';
}

/** Returns whether the address is loopback (127.0.0.0/8 or ::1). */
export function isLoopback(address: TransportAddress): boolean {
  return address.address.startsWith('127.') || address.address === '::1';
}

/**
 * Returns whether a single host can have the address: it is not the wildcard, multicast, broadcast
 * or reserved (240.0.0.0/4, RFC 1112 section 4). Private and loopback addresses are unicast;
 * whether they are acceptable is the caller's rule.
 */
export function isUnicast(address: TransportAddress): boolean {
  const range = ipaddr.parse(address.address).range();
  if (/^2[45]\d\./.test(address.address)) return false;
  return range !== 'unspecified' && range !== 'multicast' && range !== 'broadcast';
}

/** Returns whether hosts all over the Internet may reach an IP address. @param ip - canonical */
export function isGlobal(ip: string): boolean {
  return ipaddr.parse(ip).range() === 'unicast' && isUnicast({ address: ip, port: 0 });
}

/** Returns whether an IP address is valid on one link only. @param ip - canonical */
export function isLinkLocal(ip: string): boolean {
  return ipaddr.parse(ip).range() === 'linkLocal';
}
