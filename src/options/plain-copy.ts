import { types } from 'node:util';

/** Maximum nesting of data that a caller gives: a grant, hints, a list of relay records. */
const DEPTH_MAX = 8;

/** Maximum values in it, those of nested lists and objects included. */
const VALUES_MAX = 200_000;

/** Thrown for a value that is not plain data; the message says why. */
export class PlainCopyError extends Error {}

/**
 * Copies data of JSON's types. Each member is read once.
 * @param value - of any type
 * @returns a copy in plain objects and arrays, without getters and without undefined members
 * @throws PlainCopyError for other types (functions, symbols, Proxies), for a getter that throws,
 *   and beyond the maximum nesting or number of values, which a cycle exceeds
 */
export function plainCopy(value: unknown): unknown {
  let left = VALUES_MAX;
  const copy = (from: unknown, depth: number): unknown => {
    if (--left < 0) throw new PlainCopyError('it is too large');
    if (depth > DEPTH_MAX) throw new PlainCopyError('it is nested too deep');
    if (from === null || typeof from === 'string' || typeof from === 'boolean') return from;
    if (typeof from === 'number') return from + 0;
    if (typeof from !== 'object') throw new PlainCopyError(`it holds a ${typeof from}`);
    if (types.isProxy(from)) throw new PlainCopyError('it holds a Proxy');
    if (Array.isArray(from)) {
      if (from.length > left) throw new PlainCopyError('it is too large');
      return Array.from({ length: from.length }, (_, index) => copy(from[index], depth + 1));
    }
    const entries = Object.keys(from).map(
      (name) => [name, (from as Record<string, unknown>)[name]] as const,
    );
    return Object.fromEntries(
      entries
        .filter(([, member]) => member !== undefined)
        .map(([name, member]) => [name, copy(member, depth + 1)]),
    );
  };
  try {
    return copy(value, 0);
  } catch (error) {
    if (error instanceof PlainCopyError) throw error;
    throw new PlainCopyError('it cannot be read');
  }
}
