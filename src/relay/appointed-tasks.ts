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

/** Parses an address in the directory's spelling; undefined for any other text. */
export function canonicalAddress(text: string): TransportAddress | undefined {
  try {
    const address = parseAddress(text);
    return formatAddress(address) === text && isUnicast(address) ? address : undefined;
  } catch (error) {
    if (isTurnpikeError(error, 'ERR_TURNPIKE_ADDRESS')) return undefined;
    throw error;
  }
}

/** How tasks are made from appointments. */
export interface TaskRules<Appointed, Task> {
  readonly most: number;
  /** Returns an appointment's map key. */
  readonly keyOf: (appointed: Appointed) => string;
  /** Returns undefined for an impossible task. */
  readonly make: (appointed: Appointed) => Task | undefined;
  /** Ends a withdrawn task. */
  readonly drop: (task: Task) => void;
}

/**
 * Updates the tasks to the present appointments: keeps running ones, makes new ones up to `most` in
 * all, and drops the others.
 */
export function appoint<Appointed, Task>(
  tasks: Map<string, Task>,
  appointed: readonly Appointed[],
  { most, keyOf, make, drop }: TaskRules<Appointed, Task>,
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
 * Returns the source of a request to an address: the first trunk socket of its family, with the
 * source IP if that is bound to a wildcard; undefined without such a socket.
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
