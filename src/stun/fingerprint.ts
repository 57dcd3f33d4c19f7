/**
 * XORed with the CRC-32, so that it differs from a CRC-32 of an application (RFC 8489 section
 * 14.7).
 */
const FINGERPRINT_XOR = 0x5354554e;

/** Length of the FINGERPRINT attribute with its header. */
export const FINGERPRINT_BYTES = 8;

/** Table of the CRC-32 of ITU V.42, reflected; node:zlib has a CRC-32 only from 20.15 on. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * Returns the value of FINGERPRINT (RFC 8489 section 14.7).
 * @param bytes - the message; its length field already counts FINGERPRINT
 * @param end - offset of the FINGERPRINT attribute
 * @returns the unsigned 32-bit value
 */
export function fingerprintOf(bytes: Uint8Array, end: number): number {
  let crc = 0xffffffff;
  for (let i = 0; i < end; i += 1) {
    crc = (CRC_TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff ^ FINGERPRINT_XOR) >>> 0;
}
