import {
  familyOf,
  formatAddress,
  isUnicast,
  parseAddress,
  type TransportAddress,
} from '../address.js';
import { isTurnpikeError } from '../errors.js';
import { listenerHandle } from '../native/transport-handle.js';
import type { FiveTuple } from '../native/types.js';
import type { TrunkSocket } from '../trunk/local-relay.js';

/** An address as the directory writes it; undefined for any other text. */
export function canonicalAddress(text: string): TransportAddress | undefined {
  try {
    const address = parseAddress(text);
    return formatAddress(address) === text && isUnicast(address) ? address : undefined;
  } catch (error) {
    if (isTurnpikeError(error, 'ERR_TURNPIKE_ADDRESS')) return undefined;
    throw error;
  }
}

/** What the directory appoints to be done, and how. */
export interface Appointments<Appointed, Task> {
  readonly most: number;
  /** A map key. */
  readonly keyOf: (appointed: Appointed) => string;
  /** @returns undefined for what cannot be done */
  readonly make: (appointed: Appointed) => Task | undefined;
  /** A task is withdrawn. */
  readonly drop: (task: Task) => void;
}

/**
 * Makes tasks out of what is appointed from now on, the first `most` of them, and drops all others;
 * what goes on is not disturbed.
 */
export function appoint<Appointed, Task>(
  tasks: Map<string, Task>,
  appointed: readonly Appointed[],
  { most, keyOf, make, drop }: Appointments<Appointed, Task>,
): void {
  const wanted = new Set<string>();
  for (const each of appointed) {
    if (wanted.size >= most) break;
    const key = keyOf(each);
    if (!tasks.has(key)) {
      const made = make(each);
      if (made === undefined) continue;
      tasks.set(key, made);
    }
    wanted.add(key);
  }
  for (const [key, task] of tasks) {
    if (wanted.has(key)) continue;
    drop(task);
    tasks.delete(key);
  }
}

/**
 * What a request to an address leaves from: the first trunk socket of its family, and the local IP
 * where that is bound to a wildcard.
 */
export function socketTo(
  sockets: readonly TrunkSocket[],
  address: TransportAddress,
): Pick<FiveTuple, 'handle' | 'local'> | undefined {
  const socket = sockets.findIndex((each) => familyOf(each.address) === familyOf(address));
  if (socket === -1) return undefined;
  const local = sockets[socket]?.local;
  return { handle: listenerHandle('trunk', socket), ...(local === undefined ? {} : { local }) };
}
