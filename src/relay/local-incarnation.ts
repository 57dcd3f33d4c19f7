import type { Clock } from '../clock.js';
import { type Incarnation, incarnation } from '../registry/incarnation.js';
import type { LocalRelay } from '../trunk/local-relay.js';

/** Dependencies of `LocalIncarnation`. */
export interface LocalIncarnationOptions {
  /** The incarnation from the options; undefined for the clock's time. */
  readonly chosen: number | undefined;
  /** Whether other relays learn of it at once, as without a directory. */
  readonly isPublic: boolean;
  readonly clock: Clock;
  /** Called when it has changed. */
  readonly onChange: () => void;
}

/**
 * This relay's incarnation. It is chosen once and changes only before other relays can know it: one
 * from the clock is chosen again at each attempt to register, in case the host's clock was
 * corrected meanwhile, and it is raised above an earlier one that the directory remembers.
 */
export class LocalIncarnation {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #value: Incarnation;
  #lowest = 0;
  /** Whether it can no longer follow the clock. */
  #isSettled: boolean;

  constructor({ chosen, isPublic, clock, onChange }: LocalIncarnationOptions) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#value = incarnation(chosen ?? clock.now());
    this.#isSettled = isPublic || chosen !== undefined;
  }

  get value(): Incarnation {
    return this.#value;
  }

  /** Returns the incarnation for the next attempt to register. */
  toRegister(): Incarnation {
    if (!this.#isSettled) this.#set(Math.max(this.#clock.now(), this.#lowest));
    return this.#value;
  }

  /** Notes that other relays can know the incarnation. */
  settle(): void {
    this.#isSettled = true;
  }

  /**
   * Raises the incarnation above one that the directory remembers.
   * @param lowest - minimum, Unix ms
   */
  raise(lowest: number): void {
    this.#lowest = lowest;
    this.#set(Math.max(this.#value, lowest));
  }

  #set(value: number): void {
    if (value === this.#value) return;
    this.#value = incarnation(value);
    this.#onChange();
  }
}

/** Returns what the trunk needs of this relay. */
export function localRelay(
  id: string,
  { privateKey }: Pick<LocalRelay, 'privateKey'>,
  own: LocalIncarnation,
): LocalRelay {
  return {
    id,
    privateKey,
    get incarnation() {
      return own.value;
    },
  };
}
