import { AUTHENTICATION_ATTRIBUTES } from '../stun/attribute-types.js';

/** One method of a usage that authenticates its requests. */
export interface MethodEntry<Request> {
  /** Comprehension-required attributes that it knows, besides those of authentication. */
  readonly attributes: readonly number[];
  readonly handle: (request: Request) => void;
}

/** The methods of a usage, by number. */
export type MethodTable<Request> = ReadonlyMap<number, MethodEntry<Request>>;

/** Returns the comprehension-required attributes that requests of these methods may have. */
export function knownAttributes<Request>(methods: MethodTable<Request>): ReadonlySet<number> {
  const entries = [...methods.values()];
  return new Set([...AUTHENTICATION_ATTRIBUTES, ...entries.flatMap((each) => each.attributes)]);
}
