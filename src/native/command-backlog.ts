import { checkStatus } from './failures.js';
import { Status } from './interface.js';

/** Interval after which a full queue is tried again. */
const RETRY_MS = 1;

/**
 * A queue of commands that must not be lost when a worker's queue is full, such as the removal of
 * 100,000 connections at once. Commands wait here in order until there is room. Meanwhile the data
 * plane refuses new flows, sessions and endpoints, so a caller that removes each entry once has at
 * most one command of each waiting.
 */
export class CommandBacklog {
  #waiting: (() => number)[] = [];
  #next = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Whether nothing waits, so that commands may be queued directly. */
  get empty(): boolean {
    return this.#next === this.#waiting.length;
  }

  /**
   * Queues a command at once, or after those that wait.
   * @param call - the method, for the message
   * @param encode - writes the arguments to the scratch memory; called at once, so that the caller
   *   gets its errors, and again for each later attempt
   * @param command - queues the command and returns its status
   * @throws TurnpikeError by `checkStatus` for another status than Ok and QueueFull of the first
   *   attempt; what `encode` throws
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

  /** Drops all waiting commands when the data plane closes. */
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
