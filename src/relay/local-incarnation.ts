import type { Clock } from '../clock.js';
import { type Incarnation, incarnation } from '../registry/incarnation.js';

/** What it is made from. */
export interface LocalIncarnationOptions {
  /** Chosen by whoever opens the relay; left out, it is the time by the clock. */
  readonly chosen: number | undefined;
  /** Whether other relays are told of it at once, as without a directory. */
  readonly isPublic: boolean;
  readonly clock: Clock;
  /** It is another one than before. */
  readonly onChange: () => void;
}

/**
 * This relay's incarnation. It is chosen once, but for two cases before other relays can know it:
 * one from the clock is chosen anew with each try to register, as the host's clock may be put right
 * meanwhile, and it is raised above an earlier one that the directory remembers.
 */
export class LocalIncarnation {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #value: Incarnation;
  #lowest = 0;
  /** Whether it stays as it is from now on. */
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

  /** The one to register now. */
  toRegister(): Incarnation {
    if (!this.#isSettled) this.#set(Math.max(this.#clock.now(), this.#lowest));
    return this.#value;
  }

  /** Other relays can know it. */
  settle(): void {
    this.#isSettled = true;
  }

  /** The directory remembers a higher one: it must be at least this. */
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
