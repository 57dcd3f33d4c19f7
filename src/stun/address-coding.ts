import { addressBytes, addressFromBytes, type TransportAddress } from '../address.js';
import { readU16 } from './bytes.js';

/** Address families on the wire (RFC 8489 section 14.1). */
export const AddressFamilyNumber = { 4: 1, 6: 2 } as const;

const FAMILY_IPV4 = AddressFamilyNumber[4];
const FAMILY_IPV6 = AddressFamilyNumber[6];

/**
 * Decodes MAPPED-ADDRESS, or XOR-MAPPED-ADDRESS with a pad (RFC 8489 sections 14.1, 14.2). An
 * IPv4-mapped IPv6 address becomes IPv4, so that it bypasses no filter (CVE-2026-27624).
 * @param value - the attribute's value
 * @param pad - 16 bytes to XOR with, magic cookie and transaction id; undefined for plain coding
 * @returns the canonical address; undefined for another family or a wrong length
 */
export function decodeAddress(
  value: Uint8Array,
  pad: Uint8Array | undefined,
): TransportAddress | undefined {
  const addressLength = value.length - 4;
  const family = value[1];
  const fits =
    (family === FAMILY_IPV4 && addressLength === 4) ||
    (family === FAMILY_IPV6 && addressLength === 16);
  if (!fits) return undefined;
  if (pad === undefined) return addressFromBytes(value.subarray(4), readU16(value, 2));
  const address = new Uint8Array(addressLength);
  for (let i = 0; i < addressLength; i += 1) {
    address[i] = (value[4 + i] as number) ^ (pad[i] as number);
  }
  return addressFromBytes(address, readU16(value, 2) ^ readU16(pad, 0));
}

/**
 * Encodes an address; the inverse of `decodeAddress`.
 * @param address - canonical, as the functions of address.ts return it
 * @param pad - as in `decodeAddress`
 * @returns 8 or 20 bytes
 */
export function encodeAddress(address: TransportAddress, pad: Uint8Array | undefined): Uint8Array {
  const ip = addressBytes(address);
  const value = new Uint8Array(4 + ip.length);
  value[1] = ip.length === 4 ? FAMILY_IPV4 : FAMILY_IPV6;
  const port = address.port ^ (pad === undefined ? 0 : readU16(pad, 0));
  value[2] = port >>> 8;
  value[3] = port;
  for (let i = 0; i < ip.length; i += 1) {
    value[4 + i] = (ip[i] as number) ^ (pad === undefined ? 0 : (pad[i] as number));
  }
  return value;
}
