/**
 * Unchecked big-endian access for the codec. Callers have compared the length before: an index
 * past the end reads as 0 rather than throwing, and never leaves the view.
 */

/** Reads the unsigned 16 bits at `at`. */
export function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Reads the unsigned 32 bits at `at`. */
export function readU32(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * 0x1_0000 + readU16(bytes, at + 2);
}

/** Writes the low 16 bits of `value` at `at`. */
export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes the low 32 bits of `value` at `at`. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  writeU16(bytes, at, value >>> 16);
  writeU16(bytes, at + 2, value);
}

/** Rounds an attribute's length up to the 32-bit boundary of its padding. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}
