import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionGrant, DirectoryClient, Peer } from '../../src/client/index.js';
import { VICTIM, VICTIM_IP } from './tenants.js';

/** The service that genuine users got in one window of time. */
export interface VictimWindow {
  readonly setUps: number;
  readonly succeeded: number;
  /** Time of successful set-ups, from the request to the directory to the connection. */
  readonly setUpP50Ms: number;
  readonly setUpP99Ms: number;
  /** Time of the request to the directory. */
  readonly directoryP99Ms: number;
  /** Number of failed set-ups by error code. */
  readonly failures: Readonly<Record<string, number>>;
  readonly echoes: number;
  readonly echoesLost: number;
  readonly rttP99Ms: number;
}

/** Options of the genuine users. */
export interface VictimOptions {
  readonly directoryUrl: string;
  /** The regions of the two relays. */
  readonly regions: readonly [string, string];
  readonly setUpsPerSecond: number;
  readonly echoesPerSecond: number;
}

/** Timeout of each step of a set-up: the request to the directory, and both peers' connecting. */
const SET_UP_MS = 4_000;
/** Time for echoes under way to arrive at the end of a window. */
const ARRIVAL_MS = 300;
const ECHO_BYTES = 100;
const OPEN_TRIES = 40;
const OPEN_RETRY_MS = 250;

/**
 * Genuine users: one connection through two relays whose far end echoes, and set-ups of further
 * connections at a constant rate. Each set-up is a request to the directory, and Allocate and
 * Connect of both peers.
 */
export class Victim {
  readonly #options: VictimOptions;
  readonly #directory: DirectoryClient;
  #ends: readonly Peer[] = [];
  #timers: NodeJS.Timeout[] = [];
  #running = new Set<Promise<void>>();
  #window = new Window();

  constructor(options: VictimOptions) {
    this.#options = options;
    const { directoryUrl } = options;
    this.#directory = new DirectoryClient({ directoryUrl, apiKey: VICTIM.key });
  }

  /**
   * Connects the two ends of the echo as soon as the directory assigns both relays, and starts
   * echoes and set-ups.
   * @throws the error of the last attempt
   */
  async open(): Promise<void> {
    for (let left = OPEN_TRIES; this.#ends.length === 0; left--) {
      try {
        this.#ends = await this.#connect(await this.#grants());
      } catch (error) {
        if (left === 0) throw error;
        await sleep(OPEN_RETRY_MS);
      }
    }
    const [near, far] = this.#ends;
    far?.on('message', (payload) => far.send(payload));
    near?.on('message', (payload) => this.#window.echoed(payload));
    this.#every(this.#options.echoesPerSecond, () => {
      near?.send(this.#window.echo());
    });
    this.#every(this.#options.setUpsPerSecond, () => {
      const done = this.#setUp(this.#window).finally(() => this.#running.delete(done));
      this.#running.add(done);
    });
  }

  /** Begins a new window. Set-ups and echoes under way belong to the one before. */
  begin(): void {
    this.#window = new Window();
  }

  /** Ends the window. @returns its figures, once its set-ups have ended */
  async read(): Promise<VictimWindow> {
    const window = this.#window;
    this.#window = new Window();
    await Promise.all([...this.#running, sleep(ARRIVAL_MS)]);
    return window.figures();
  }

  async end(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all([...this.#running, ...this.#ends.map((peer) => peer.close())]);
  }

  #every(perSecond: number, action: () => void): void {
    this.#timers.push(setInterval(action, 1_000 / perSecond));
  }

  async #grants(window?: Window): Promise<readonly ConnectionGrant[]> {
    const [one, other] = this.#options.regions;
    const startedAt = performance.now();
    const signal = AbortSignal.timeout(SET_UP_MS);
    const peers = [{ region: one }, { region: other }] as const;
    const { grants } = await this.#directory.createConnection({ peers }, { signal });
    window?.asked(performance.now() - startedAt);
    const where = grants.map(({ relay }) => relay.region);
    if (where[0] !== one || where[1] !== other) throw new Error(`not the two relays: ${where}`);
    return grants;
  }

  async #connect(grants: readonly ConnectionGrant[]): Promise<Peer[]> {
    const signal = AbortSignal.timeout(SET_UP_MS);
    const bind = { address: VICTIM_IP, port: 0 };
    const opened = await Promise.allSettled(
      grants.map((grant) => Peer.open({ grant, bind, signal })),
    );
    const peers = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    try {
      const failed = opened.find((each) => each.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      const [one, other] = peers as [Peer, Peer];
      const joined = [
        one.connect(other.mappedAddress, { signal }),
        other.connect(one.mappedAddress, { signal }),
      ];
      await Promise.all(joined);
      return peers;
    } catch (error) {
      await Promise.all(peers.map((peer) => peer.close()));
      throw error;
    }
  }

  async #setUp(window: Window): Promise<void> {
    const startedAt = performance.now();
    window.setUps += 1;
    try {
      const peers = await this.#connect(await this.#grants(window));
      window.setUp(performance.now() - startedAt);
      await Promise.all(peers.map((peer) => peer.close()));
    } catch (error) {
      window.failed(error as Error & { code?: string; stunCode?: number; status?: number });
    }
  }
}

/** Counts and times of one window. */
class Window {
  setUps = 0;
  readonly #setUpMs: RecordableHistogram = createHistogram();
  readonly #directoryMs: RecordableHistogram = createHistogram();
  readonly #rtt: RecordableHistogram = createHistogram();
  readonly #sentAt = new Map<number, number>();
  readonly #failures = new Map<string, number>();
  #echoes = 0;

  static #numbers = 0;

  echo(): Uint8Array {
    const payload = Buffer.alloc(ECHO_BYTES);
    Window.#numbers += 1;
    payload.writeUInt32BE(Window.#numbers, 0);
    this.#sentAt.set(Window.#numbers, performance.now());
    this.#echoes += 1;
    return payload;
  }

  echoed(payload: Uint8Array): void {
    const number = Buffer.from(payload.buffer, payload.byteOffset).readUInt32BE(0);
    const sentAt = this.#sentAt.get(number);
    if (sentAt === undefined) return;
    this.#sentAt.delete(number);
    record(this.#rtt, performance.now() - sentAt);
  }

  asked(ms: number): void {
    record(this.#directoryMs, ms);
  }

  setUp(ms: number): void {
    record(this.#setUpMs, ms);
  }

  failed(error: Error & { code?: string; stunCode?: number; status?: number }): void {
    const { code = error.name, stunCode, status } = error;
    const name = [code, stunCode, status].filter((part) => part !== undefined).join(' ');
    this.#failures.set(name, (this.#failures.get(name) ?? 0) + 1);
  }

  figures(): VictimWindow {
    return {
      setUps: this.setUps,
      succeeded: Number(this.#setUpMs.count),
      setUpP50Ms: percentile(this.#setUpMs, 50),
      setUpP99Ms: percentile(this.#setUpMs, 99),
      directoryP99Ms: percentile(this.#directoryMs, 99),
      failures: Object.fromEntries(this.#failures),
      echoes: this.#echoes,
      echoesLost: this.#sentAt.size,
      rttP99Ms: percentile(this.#rtt, 99),
    };
  }
}

function record(histogram: RecordableHistogram, ms: number): void {
  histogram.record(Math.max(1, Math.round(ms * 1e6)));
}

function percentile(histogram: RecordableHistogram, percent: number): number {
  return histogram.count === 0 ? 0 : histogram.percentile(percent) / 1e6;
}
