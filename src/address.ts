import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { TurnpikeError } from './errors.js';

/**
 * A UDP transport address. `address` is in canonical text (dotted quad, or RFC 5952 for IPv6) and
 * never IPv4-mapped IPv6, so two of them are equal exactly when their fields are. Build one only
 * with the functions of this file.
 */
export interface TransportAddress {
  readonly address: string;
  readonly port: number;
}

export type AddressFamily = 4 | 6;

/** The family of a canonical address: 6 exactly when its text has a colon. */
export function familyOf(address: TransportAddress): AddressFamily {
  return address.address.includes(':') ? 6 : 4;
}

/** Whether two transport addresses are the same address and port. */
export function sameAddress(a: TransportAddress, b: TransportAddress): boolean {
  return a.port === b.port && a.address === b.address;
}

/** `192.0.2.1:3478` or `[2001:db8::1]:3478`: for logs, map keys and configuration. */
export function formatAddress(address: TransportAddress): string {
  return address.address.includes(':')
    ? `[${address.address}]:${address.port}`
    : `${address.address}:${address.port}`;
}

/**
 * Canonical text of an IP address, IPv4-mapped IPv6 turned into IPv4 (CVE-2026-27624 was a filter
 * that forgot to).
 * @param text - an IPv4 or IPv6 literal without port, brackets or zone
 * @returns the canonical text
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS when it is no IP literal
 */
export function canonicalIp(text: string): string {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) {
    throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', `not an IP address: ${JSON.stringify(text)}`);
  }
  const parsed = ipaddr.IPv6.parse(text);
  return parsed.isIPv4MappedAddress()
    ? parsed.toIPv4Address().toString()
    : parsed.toRFC5952String();
}

/**
 * @param text - `a.b.c.d:port` or `[v6]:port`; port 0 to 65535
 * @returns the canonical transport address
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS naming what is wrong
 */
export function parseAddress(text: string): TransportAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (match === null) {
    throw new TurnpikeError(
      'ERR_TURNPIKE_ADDRESS',
      `expected IP:PORT or [IPv6]:PORT, got ${JSON.stringify(text)}`,
    );
  }
  return transportAddress(match[1] ?? match[2] ?? '', Number(match[3]));
}

/**
 * @param ip - an IP literal
 * @param port - 0 to 65535
 * @returns the canonical transport address
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS
 */
export function transportAddress(ip: string, port: number): TransportAddress {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', `not a port number: ${port}`);
  }
  return { address: canonicalIp(ip), port };
}

/** The 4 or 16 address bytes, in network order. */
export function addressBytes(address: TransportAddress): Uint8Array {
  const text = address.address;
  if (!text.includes(':')) {
    const parts = text.split('.');
    return Uint8Array.of(Number(parts[0]), Number(parts[1]), Number(parts[2]), Number(parts[3]));
  }
  return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
}

/**
 * @param bytes - 4 or 16 bytes in network order
 * @param port - 0 to 65535
 * @returns the canonical transport address; IPv4-mapped IPv6 becomes IPv4
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS when the length is neither
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

/** Whether the address is the wildcard of its family (0.0.0.0 or ::). */
export function isWildcard(address: TransportAddress): boolean {
  return address.address === '0.0.0.0' || address.address === '::';
}

/** Whether the address is loopback (127.0.0.0/8 or ::1). */
export function isLoopback(address: TransportAddress): boolean {
  return address.address.startsWith('127.') || address.address === '::1';
}

/**
 * Whether one host can have the address: neither wildcard, multicast nor broadcast. Private and
 * loopback addresses are; whether they may be used is the caller's rule.
 */
export function isUnicast(address: TransportAddress): boolean {
  const range = ipaddr.parse(address.address).range();
  return range !== 'unspecified' && range !== 'multicast' && range !== 'broadcast';
}
