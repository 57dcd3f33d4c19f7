import { createSocket, type Socket } from 'node:dgram';
import { type AddressFamily, familyOf, type TransportAddress } from '../address.js';
import type { RandomBytes } from '../random.js';
import { decodeMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import { step } from './relay-socket.js';
import type { Cancel, Scheduler } from './scheduler.js';

/** Default number of pings to each address. */
export const MEASURE_PINGS = 3;

/** Maximum number of pings to each address. */
export const MEASURE_PINGS_MAX = 1_000;

/** Default time for all pings and their answers. */
export const MEASURE_MS = 300;

/** Maximum time for all pings and their answers. */
export const MEASURE_MS_MAX = 3_600_000;

/**
 * Length of a ping, bytes: that of the longest answer, so that a relay answers it without a budget
 * (PROTOCOL.md section 2).
 */
const PING_BYTES = 44;

/** Least time for the last answers before a hasty round ends. */
const HASTY_WAIT_MS = 50;

/** A hasty round ends when this many of the shortest round trip have passed since the last ping. */
const HASTY_ROUND_TRIPS = 3;

/** How the pings of one address went. */
export interface PingResult {
  /** Number of pings that were answered, or of which the answer is overdue. */
  readonly sent: number;
  /** Round trips in the order of the pings, ms. */
  readonly roundTripsMs: readonly number[];
}

/** A state of a round, for those who wait for it. */
export interface PingProgress {
  readonly sent: number;
  readonly answered: number;
  /** Number of pings in all. */
  readonly total: number;
}

export interface PingOptions {
  /** Pings to each address. */
  readonly count: number;
  /** Time for the whole round, ms. */
  readonly timeoutMs: number;
  /** Local IP address; only addresses of its family are pinged. Default any. */
  readonly from?: string | undefined;
  /** Whether to send twice as fast, and to end when only distant relays are missing. */
  readonly isHasty?: boolean;
  /** Ends the round with the results so far. */
  readonly signal?: AbortSignal | undefined;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  readonly onProgress?: ((progress: PingProgress) => void) | undefined;
}

/**
 * Pings addresses by Binding requests, each sent once, in turns spread over the time. Never
 * rejects: an address without a route or an answer has no round trips. Ends early when all are
 * answered.
 * @returns a result for each address, in their order
 */
export async function pingAddresses(
  addresses: readonly TransportAddress[],
  options: PingOptions,
): Promise<PingResult[]> {
  const round = new PingRound(addresses, options);
  await round.run();
  return round.results();
}

interface Ping {
  readonly target: number;
  readonly sentAtMs: number;
  roundTripMs: number | undefined;
}

class PingRound {
  readonly #addresses: readonly TransportAddress[];
  readonly #options: PingOptions;
  readonly #sockets = new Map<AddressFamily, Socket>();
  /** By transaction id, in the order of sending. */
  readonly #pings = new Map<string, Ping>();
  readonly #cancels: Cancel[] = [];
  #answered = 0;
  #leastMs = Number.POSITIVE_INFINITY;
  #lastSentAtMs = 0;
  #cancelHaste: Cancel | undefined;
  #endedAtMs = 0;
  #end = () => {};

  constructor(addresses: readonly TransportAddress[], options: PingOptions) {
    this.#addresses = addresses;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal, scheduler, timeoutMs } = this.#options;
    const startedAtMs = scheduler.monotonic();
    await this.#open();
    const leftMs = Math.max(0, startedAtMs + timeoutMs - scheduler.monotonic());
    if (this.#sockets.size > 0 && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        this.#end = resolve;
        signal?.addEventListener('abort', resolve as () => void, { once: true });
        this.#cancels.push(scheduler.after(leftMs, resolve));
        this.#schedule(leftMs);
      });
      signal?.removeEventListener('abort', this.#end);
    }
    this.#endedAtMs = scheduler.monotonic();
    this.#cancelHaste?.();
    for (const cancel of this.#cancels) cancel();
    for (const socket of this.#sockets.values()) socket.close();
  }

  results(): PingResult[] {
    const all = this.#addresses.map(() => ({ sent: 0, roundTripsMs: [] as number[] }));
    for (const { target, roundTripMs } of this.#pings.values()) {
      if (roundTripMs !== undefined) all[target]?.roundTripsMs.push(roundTripMs);
    }
    for (const { target, sentAtMs, roundTripMs } of this.#pings.values()) {
      const result = all[target];
      if (result === undefined) continue;
      // An answer that may still be on its way says nothing of loss.
      const leastMs = Math.min(...result.roundTripsMs);
      const waitedMs = this.#endedAtMs - sentAtMs;
      const isOverdue = result.roundTripsMs.length === 0 || waitedMs >= 2 * leastMs;
      if (roundTripMs !== undefined || isOverdue) result.sent += 1;
    }
    return all;
  }

  get #total(): number {
    return this.#addresses.length * this.#options.count;
  }

  /** Opens a socket for each family of the addresses that the host has. */
  async #open(): Promise<void> {
    const { from } = this.#options;
    const families = new Set(this.#addresses.map(familyOf));
    if (from !== undefined) families.delete(from.includes(':') ? 4 : 6);
    for (const family of families) {
      const socket = createSocket({
        type: family === 4 ? 'udp4' : 'udp6',
        // Addresses are numeric; a resolver would take a turn of the event loop.
        lookup: (host, _options, done) => done(null, host, family),
      });
      try {
        await step(socket, (done) => socket.bind(0, from, done));
      } catch {
        socket.close();
        continue;
      }
      socket.on('error', () => {});
      socket.on('message', (datagram) => this.#receive(datagram));
      this.#sockets.set(family, socket);
    }
  }

  /** Sends the pings in turns of all addresses, and leaves two turns' time for the last answers. */
  #schedule(timeoutMs: number): void {
    const { count, isHasty, scheduler } = this.#options;
    const turnMs = timeoutMs / (count + 2) / (isHasty ? 2 : 1);
    const spacingMs = turnMs / this.#addresses.length;
    for (let turn = 0; turn < count; turn += 1) {
      for (const target of this.#addresses.keys()) {
        const delayMs = turn * turnMs + target * spacingMs;
        if (delayMs === 0) this.#send(target);
        else this.#cancels.push(scheduler.after(delayMs, () => this.#send(target)));
      }
    }
  }

  #send(target: number): void {
    const { random, scheduler } = this.#options;
    const address = this.#addresses[target] as TransportAddress;
    const id = random(12);
    const ping = new MessageWriter('request', Method.Binding, id).paddedTo(PING_BYTES).finish();
    this.#lastSentAtMs = scheduler.monotonic();
    this.#pings.set(hex(id), {
      target,
      sentAtMs: this.#lastSentAtMs,
      roundTripMs: undefined,
    });
    // Without a route, or where a firewall forbids it, nothing is answered.
    this.#sockets.get(familyOf(address))?.send(ping, address.port, address.address, () => {});
    this.#report();
    this.#hasten();
  }

  #receive(datagram: Buffer): void {
    const nowMs = this.#options.scheduler.monotonic();
    const decoded = decodeMessage(datagram);
    if (!decoded.ok || decoded.message.method !== Method.Binding) return;
    if (decoded.message.messageClass !== 'success') return;
    const ping = this.#pings.get(hex(decoded.message.transactionId));
    if (ping === undefined || ping.roundTripMs !== undefined) return;
    ping.roundTripMs = nowMs - ping.sentAtMs;
    this.#leastMs = Math.min(this.#leastMs, ping.roundTripMs);
    this.#answered += 1;
    this.#report();
    if (this.#answered === this.#total) this.#end();
    else this.#hasten();
  }

  /** Ends a hasty round when the answers that are missing are those of distant relays, or lost. */
  #hasten(): void {
    const { isHasty, scheduler } = this.#options;
    if (!isHasty || this.#answered === 0 || this.#pings.size < this.#total) return;
    this.#cancelHaste?.();
    const waitMs = Math.max(HASTY_WAIT_MS, HASTY_ROUND_TRIPS * this.#leastMs);
    const leftMs = this.#lastSentAtMs + waitMs - scheduler.monotonic();
    this.#cancelHaste = scheduler.after(Math.max(0, Math.ceil(leftMs)), () => this.#end());
  }

  #report(): void {
    const progress = { sent: this.#pings.size, answered: this.#answered, total: this.#total };
    this.#options.onProgress?.(progress);
  }
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
