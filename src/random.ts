/** Returns `bytes` random bytes; passed in so that tests can control them. */
export type RandomBytes = (bytes: number) => Uint8Array;

/** Bytes drawn at a time: a selection needs a number for every relay. */
const BULK_BYTES = 16_384;

/** Returns a source of numbers in [0, 1) from a source of bytes. */
export function uniformRandom(random: RandomBytes): () => number {
  let words = new DataView(new ArrayBuffer(0));
  let next = 0;
  return () => {
    if (next >= words.byteLength) {
      words = new DataView(Uint8Array.from(random(BULK_BYTES)).buffer);
      next = 0;
    }
    next += 4;
    return words.getUint32(next - 4) / 2 ** 32;
  };
}

/** Returns a seed of 32 random bits. */
export function randomSeed(random: RandomBytes): number {
  const bytes = random(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}
