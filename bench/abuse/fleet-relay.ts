import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { signRequest } from '../../src/registry/signing.js';
import type { RelayLoad, RelayRecord } from '../../src/registry/types.js';

/** Minimum interval of beats; up to as much is added at random. The first few follow faster. */
const BEAT_MS = 1_000;
const SOON_MS = 75;
const EAGER_BEATS = 8;
/** Minimum time until the next attempt after a failure; up to as much is added at random. */
const RETRY_MS = 500;
const ANSWER_MS = 5_000;
const IDLE: RelayLoad = { legs: 0, legsMax: 1_000, cpu: 0, packetsPerSecond: 0 };

/** Options of a relay's registration. */
export interface FleetRelayOptions {
  readonly directoryUrl: string;
  /** Its registration key. */
  readonly key: Uint8Array;
  readonly record: RelayRecord;
  /** What it reports of its load. Default: a relay without legs, with room for 1,000. */
  readonly load?: RelayLoad;
}

/**
 * The registration of a relay without the relay, so that one process can have a thousand. It
 * registers, sends beats and fetches each registry (docs/registration.md), which it does not parse.
 */
export class FleetRelay {
  /** Version of the last registry that it fetched. */
  version: string | null = null;
  /** Number of failed requests. */
  failures = 0;
  sentBytes = 0;
  receivedBytes = 0;
  readonly #key: Uint8Array;
  readonly #said: object;
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #ended = new AbortController();
  #record: RelayRecord;
  #registered = false;
  #eager = EAGER_BEATS;

  constructor({ directoryUrl, key, record, load = IDLE }: FleetRelayOptions) {
    this.#said = { load, draining: false, fetchesRegistry: true };
    this.#url = directoryUrl;
    this.#key = key;
    this.#record = record;
  }

  /** Registers and sends beats until `end`. */
  async run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        await this.#step();
        this.#eager -= 1;
        const wait = this.#eager > 0 ? SOON_MS : BEAT_MS;
        await sleep(wait * (1 + Math.random()));
      } catch {
        this.failures += 1;
        await sleep(RETRY_MS * (1 + Math.random()));
      }
    }
  }

  /** Registers another record. @returns the status of the answer */
  async change(record: RelayRecord): Promise<number> {
    this.#record = record;
    return (await this.#register()).status;
  }

  end(): void {
    this.#ended.abort();
    this.#agent.destroy();
  }

  async #register(): Promise<Answer> {
    return this.#send('PUT', 'registration', { record: this.#record, ...this.#said });
  }

  async #step(): Promise<void> {
    const beat = { start: this.#record.start, registryVersion: this.version, ...this.#said };
    const answer = this.#registered
      ? await this.#send('POST', 'beat', beat)
      : await this.#register();
    if (answer.status === 404) this.#registered = false;
    if (answer.status === 404) return;
    if (answer.status !== 200) throw new Error(`answer ${answer.status}`);
    this.#registered = true;
    const { registryVersion } = JSON.parse(answer.body.toString());
    if (registryVersion === this.version) return;
    const fetched = await this.#send('GET', `registry/${registryVersion}`);
    if (fetched.status === 200) this.version = registryVersion;
  }

  async #send(method: string, resource: string, body?: object): Promise<Answer> {
    const path = `/v1/relays/${this.#record.id}/${resource}`;
    const timeMs = Date.now();
    const nonce = randomBytes(16).toString('hex');
    const text = body === undefined ? '' : JSON.stringify(body);
    const covered = { method, path, timeMs, nonce, body: text };
    const sent = request(`${this.#url}${path}`, {
      method,
      agent: this.#agent,
      signal: AbortSignal.any([AbortSignal.timeout(ANSWER_MS), this.#ended.signal]),
      headers: {
        'turnpike-time': String(timeMs),
        'turnpike-nonce': nonce,
        'turnpike-signature': signRequest(this.#key, covered),
        'accept-encoding': 'gzip',
        ...(text !== '' && { 'content-type': 'application/json' }),
      },
    });
    sent.end(text);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const received = Buffer.concat(chunks);
    this.sentBytes += text.length;
    this.receivedBytes += received.length;
    return { status: response.statusCode ?? 0, body: received };
  }
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}
