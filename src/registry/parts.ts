import { textHash } from '../collections/hash.js';

/** Relays of one part of a registry on average, at most. */
export const PART_RELAYS_MAX = 256;

/**
 * Returns the number of parts of a registry: the smallest power of two with which a part has
 * `PART_RELAYS_MAX` relays or fewer on average. It follows from the contents alone, so that equal
 * registries have equal parts.
 */
export function partsOf(relays: number): number {
  let parts = 1;
  while (relays > parts * PART_RELAYS_MAX) parts *= 2;
  return parts;
}

/**
 * Returns the part of a relay: the hash of its id, modulo the number of parts. An id is ASCII
 * (`NAME_PATTERN`), so its code units are its bytes.
 * @param parts - as `partsOf`
 */
export function partOf(id: string, parts: number): number {
  return textHash(id) % parts;
}

/**
 * Returns the name of a registry version by the digest of its body.
 * @param parts - number of parts; with one, the body is the registry itself
 * @param digest - SHA-256 of the body, hex
 */
export function versionName(parts: number, digest: string): string {
  return parts === 1 ? digest : `${parts}-${digest}`;
}

/** Returns the digest in the name of a version, and the number of parts; 1 without a number. */
export function parsedVersion(version: string): {
  readonly parts: number;
  readonly digest: string;
} {
  const [, parts = '1', digest = version] = /^(\d{1,5})-(.*)$/.exec(version) ?? [];
  return { parts: Number(parts), digest };
}

/**
 * Returns the text of a registry or of a part of it: `{"relays":[…]}`, with `"proved":[…]` if any
 * of them are proved.
 * @param relays - records as JSON, in the order of their ids
 * @param proved - ids of the proved ones, in order
 */
export function registryText(relays: readonly string[], proved: readonly string[]): string {
  const members = proved.length === 0 ? '' : `,"proved":${JSON.stringify(proved)}`;
  return `{"relays":[${relays.join(',')}]${members}}`;
}
