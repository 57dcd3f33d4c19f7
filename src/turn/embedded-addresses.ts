/** Where RFC 6052 section 2.2 puts an IPv4 address, by length of the NAT64 prefix in bits. */
const NAT64_POSITIONS: readonly { readonly bytes: readonly number[]; readonly end: number }[] = [
  { bytes: [6, 7, 9, 10], end: 11 },
  { bytes: [7, 9, 10, 11], end: 12 },
  { bytes: [9, 10, 11, 12], end: 13 },
  { bytes: [12, 13, 14, 15], end: 16 },
];
const LAST_4: readonly number[] = [12, 13, 14, 15];
const NAT64_LOCAL_USE = [0x00, 0x64, 0xff, 0x9b, 0x00, 0x01];
const TEREDO = [0x20, 0x01, 0x00, 0x00];
const SIX_TO_FOUR = [0x20, 0x02];
const ISATAP = [0x5e, 0xfe];
const UNSPECIFIED = '0,0,0,0';

/** Forms with the IPv4 address in the last 4 bytes, by their first 12. */
const IN_THE_LAST_4: readonly (readonly number[])[] = [
  // IPv4-mapped (RFC 4291 section 2.5.5.2) and, deprecated, IPv4-compatible (section 2.5.5.1).
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  // IPv4-translated (RFC 2765 section 2.1).
  [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0],
  // NAT64's well-known prefix (RFC 6052 section 2.1).
  [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
];

/**
 * Returns the IPv4 addresses to which a translator or tunnel may deliver what is sent to an IPv6
 * address: IPv4-mapped, IPv4-compatible and IPv4-translated forms, NAT64 with its well-known and
 * its local-use prefix (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo's server and client (RFC 4380
 * section 4) and ISATAP (RFC 5214). A filter has to judge each of them, or it is bypassed by
 * another spelling (CVE-2020-26262, CVE-2026-27624).
 * @param bytes - the 16 bytes of an IPv6 address
 * @returns addresses of 4 bytes; none for an address without one
 */
export function embeddedIpv4(bytes: readonly number[]): readonly (readonly number[])[] {
  const found: number[][] = [];
  const at = (positions: readonly number[]) => positions.map((index) => bytes[index] ?? 0);
  if (IN_THE_LAST_4.some((prefix) => startsWith(bytes, prefix))) found.push(at(LAST_4));
  if (startsWith(bytes, NAT64_LOCAL_USE)) found.push(...nat64(bytes));
  if (startsWith(bytes, SIX_TO_FOUR)) found.push(at([2, 3, 4, 5]));
  if (startsWith(bytes, TEREDO)) {
    found.push(
      at([4, 5, 6, 7]),
      at(LAST_4).map((byte) => byte ^ 0xff),
    );
  }
  if (isIsatap(bytes)) found.push(at(LAST_4));
  return found;
}

/**
 * Reads an address with the local-use prefix, of which the operator may use any longer part as the
 * prefix of the translator: a reading counts if nothing follows it, and 0.0.0.0 only if it is all
 * that can be read.
 */
function nat64(bytes: readonly number[]): number[][] {
  const readings = NAT64_POSITIONS.filter(({ end }) =>
    bytes.slice(end).every((byte) => byte === 0),
  ).map(({ bytes: positions }) => positions.map((index) => bytes[index] ?? 0));
  const written = readings.filter((reading) => reading.join() !== UNSPECIFIED);
  return written.length > 0 ? written : readings;
}

/** The interface identifier is 0000:5efe or 0200:5efe, then the IPv4 address (section 6.1). */
function isIsatap(bytes: readonly number[]): boolean {
  return ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && startsWith(bytes.slice(10), ISATAP);
}

function startsWith(bytes: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}
