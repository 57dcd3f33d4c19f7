import { checkStatus } from './failures.js';
import { Status } from './interface.js';

/** How soon a full queue is tried again; a worker empties one in less. */
const RETRY_MS = 1;

/**
 * Commands that must not be lost when a worker's queue is full, such as the removals of a hundred
 * thousand connections at once: they wait here, in order, until there is room. What is added to
 * the tables is refused meanwhile instead, so that the number waiting is bounded by what exists.
 */
export class CommandBacklog {
  #waiting: (() => number)[] = [];
  #next = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Whether nothing waits, so that commands may go straight to the queue. */
  get empty(): boolean {
    return this.#next === this.#waiting.length;
  }

  /**
   * Gives a command now, or when those before it have gone.
   * @param call - the method, for the message
   * @param encode - lays out what the command is about; its faults are the caller's to hear, now
   * @param command - queues the command and returns its status
   * @throws TurnpikeError when the command is refused at once for another reason than a full queue,
   *   and what `encode` throws
   */
  give(call: string, encode: () => void, command: () => number): void {
    encode();
    if (this.empty) {
      const status = command();
      if (status !== Status.QueueFull) return checkStatus(call, status);
    }
    this.#waiting.push(() => {
      encode();
      return command();
    });
    this.#timer ??= setTimeout(() => this.#retry(), RETRY_MS);
  }

  /** Forgets what waits: the data plane is closing, and everything goes with it. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
    this.#next = 0;
  }

  #retry(): void {
    this.#timer = undefined;
    for (; !this.empty; this.#next += 1) {
      if (this.#waiting[this.#next]?.() !== Status.QueueFull) continue;
      this.#timer = setTimeout(() => this.#retry(), RETRY_MS);
      return;
    }
    this.#waiting = [];
    this.#next = 0;
  }
}
