import { types } from 'node:util';

/** Bounds of what a caller may give as data: a grant, hints, a list of relay records. */
const DEPTH_MAX = 8;
const VALUES_MAX = 200_000;

/** Why something is no plain data. */
export class PlainCopyError extends Error {}

/**
 * Copies data of JSON's kinds, each member read once.
 * @param value - anything
 * @returns a copy without prototypes, getters or members that are undefined
 * @throws PlainCopyError for anything that is no data: functions, cycles, Proxies that throw
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
