/** XORed into the CRC so that an application's own CRC-32 cannot collide with it. */
const FINGERPRINT_XOR = 0x5354554e;

/** The whole FINGERPRINT attribute in bytes. */
export const FINGERPRINT_BYTES = 8;

/** CRC-32 of ITU V.42, reflected; node:zlib has it only from 20.15 on. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * The value of FINGERPRINT (RFC 8489 section 14.7).
 * @param bytes - the message; its length field already counts FINGERPRINT
 * @param end - where the FINGERPRINT attribute starts
 * @returns the unsigned 32-bit value
 */
export function fingerprintOf(bytes: Uint8Array, end: number): number {
  let crc = 0xffffffff;
  for (let i = 0; i < end; i += 1) {
    crc = (CRC_TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff ^ FINGERPRINT_XOR) >>> 0;
}
