import { Fifo } from '../collections/fifo.js';
import { KeyCounter } from '../collections/key-counter.js';
import { checkStatus } from './failures.js';
import { EVERY_WORKER, Status } from './interface.js';

/** Interval after which a full queue is tried again. A worker empties a queue in less time. */
const RETRY_MS = 1;

/** Names of the entries that commands are about. A 5-tuple is given by its `Scratch.tupleKey`. */
export const entryName = {
  flow: (channel: number, tupleKey: string) => `flow ${channel} ${tupleKey}`,
  client: (tupleKey: string) => `client ${tupleKey}`,
  session: (sessionIndex: number) => `session ${sessionIndex}`,
  relay: (relayIndex: number) => `relay ${relayIndex}`,
};

/** A command that must not be lost. */
export interface BackloggedCommand {
  /** The method, for messages. */
  readonly call: string;
  /** Lays out what the command is about; called again when it is tried again. */
  readonly encode?: () => void;
  /** Returns the entry that the command is about; called after `encode`. */
  readonly entry: () => string;
  /** The worker whose queue takes the command; default EVERY_WORKER: the queues of all take it. */
  readonly worker?: number;
  /** Queues the command and returns its status. */
  readonly queue: () => number;
}

interface Waiting {
  readonly entry: string;
  readonly run: () => number;
}

/**
 * Commands that must not be lost when a worker's queue is full, such as the removal of 100,000
 * connections at once. They wait here until there is room. Those for one worker keep their order,
 * and hold up neither commands for another worker nor, while there is room, commands about another
 * entry. Additions to an entry with a waiting command are refused, so the length is bounded by the
 * number of entries.
 */
export class CommandBacklog {
  /** By worker, or EVERY_WORKER. Without those for which no command waits. */
  readonly #waiting = new Map<number, Fifo<Waiting>>();
  readonly #entries = new KeyCounter();
  #timer: NodeJS.Timeout | undefined;

  /** Whether no command waits. */
  get empty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Returns whether a command about an entry waits. */
  has(entry: string): boolean {
    return this.#entries.of(entry) > 0;
  }

  /**
   * Refuses a command that would pass a waiting one about the same entry.
   * @param call - the method, for the message
   * @param entry - returns the entry's name; called only if a command waits
   * @throws TurnpikeError ERR_TURNPIKE_QUEUE_FULL
   */
  checkOrder(call: string, entry: () => string): void {
    if (!this.empty && this.has(entry())) checkStatus(call, Status.QueueFull);
  }

  /**
   * Returns the status of a put: QueueFull in place of Limit while commands wait for the queue of
   * the worker, since the removals among them make room in its table.
   * @param status - the addon's result
   * @param worker - whose table takes the entry, or EVERY_WORKER
   */
  statusOfPut(status: number, worker: number): number {
    const waits =
      worker === EVERY_WORKER
        ? !this.empty
        : this.#waiting.has(worker) || this.#waiting.has(EVERY_WORKER);
    return status === Status.Limit && waits ? Status.QueueFull : status;
  }

  /**
   * Queues a command at once, or when there is room and those before it about its entry are queued.
   * @throws TurnpikeError when the command is refused at once for another reason than a full queue,
   *   and what `encode` throws
   */
  give({ call, encode = () => {}, entry, worker = EVERY_WORKER, queue }: BackloggedCommand): void {
    encode();
    if (this.empty || !this.has(entry())) {
      const status = queue();
      if (status !== Status.QueueFull) return checkStatus(call, status);
    }
    const run = () => {
      encode();
      return queue();
    };
    const name = entry();
    const waiting = this.#waiting.get(worker) ?? new Fifo();
    this.#waiting.set(worker, waiting);
    waiting.add({ entry: name, run });
    this.#entries.add(name);
    this.#retryLater();
  }

  /** Queues the waiting commands for which there is room now. */
  retry(): void {
    for (const [worker, waiting] of this.#waiting) {
      this.#retryInOrder(waiting);
      if (waiting.size === 0) this.#waiting.delete(worker);
    }
    if (!this.empty) this.#retryLater();
  }

  #retryInOrder(waiting: Fifo<Waiting>): void {
    for (let each = waiting.first(); each !== undefined; each = waiting.first()) {
      if (each.run() === Status.QueueFull) return;
      waiting.delete(each);
      this.#entries.remove(each.entry);
    }
  }

  /** Drops all waiting commands when the data plane closes. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const waiting of this.#waiting.values()) {
      for (const { entry } of waiting) this.#entries.remove(entry);
    }
    this.#waiting.clear();
  }

  #retryLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.retry();
    }, RETRY_MS);
  }
}
