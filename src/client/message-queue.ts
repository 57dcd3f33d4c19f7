/** Default maximum of messages held for async iteration; beyond it the newest is dropped. */
export const RECEIVE_QUEUE_MESSAGES = 1_024;

/** Maximum of `receiveQueueMessagesMax`. */
export const RECEIVE_QUEUE_MESSAGES_MAX = 1_048_576;

/**
 * A bounded queue between a producer that cannot wait and consumers that iterate. Each item goes to
 * one consumer. At the bound new items are refused, like datagrams at a full socket buffer.
 */
export class MessageQueue<T> implements AsyncIterable<T> {
  readonly #itemsMax: number;
  readonly #items: T[] = [];
  readonly #waiting: Array<{
    readonly resolve: (result: IteratorResult<T>) => void;
    readonly reject: (error: Error) => void;
  }> = [];
  #end: { readonly error: Error | undefined } | undefined;

  /** @param itemsMax - maximum items held without a waiting consumer */
  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax;
  }

  /** Adds an item. @returns false if the queue is full or has ended */
  push(item: T): boolean {
    if (this.#end !== undefined) return false;
    const consumer = this.#waiting.shift();
    if (consumer !== undefined) {
      consumer.resolve({ value: item, done: false });
      return true;
    }
    if (this.#items.length >= this.#itemsMax) return false;
    this.#items.push(item);
    return true;
  }

  /** Removes and returns all items. */
  drain(): T[] {
    return this.#items.splice(0);
  }

  /** Ends the queue: consumers get the remaining items, then the end or the given error. */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    for (const consumer of this.#waiting.splice(0)) {
      if (error === undefined) consumer.resolve({ value: undefined, done: true });
      else consumer.reject(error);
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () => this.#next(),
      return: () => Promise.resolve({ value: undefined, done: true }),
    };
  }

  #next(): Promise<IteratorResult<T>> {
    if (this.#items.length > 0) {
      return Promise.resolve({ value: this.#items.shift() as T, done: false });
    }
    if (this.#end !== undefined) {
      const { error } = this.#end;
      return error === undefined
        ? Promise.resolve({ value: undefined, done: true })
        : Promise.reject(error);
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}
