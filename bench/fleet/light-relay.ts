import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { signRequest } from '../../src/registry/signing.js';
import type { RelayRecord } from '../../src/registry/types.js';

/** Interval of beats unless the directory names another: half to all of it. */
const BEAT_MS = 2_000;
const SOON_MS = 75;
const EAGER_BEATS = 8;
/** Back-off after a failure: doubled up to the maximum, half to all of it. */
const RETRY_MS = 500;
const RETRY_MS_MAX = 5_000;
const ANSWER_MS = 5_000;

const IDLE = { legs: 0, legsMax: 131_072, cpu: 0, packetsPerSecond: 0 };
const SAID = {
  load: IDLE,
  draining: false,
  fetchesRegistry: true,
  takesChanges: true,
  claims: [],
  reachability: { trunk: [], service: [] },
};

/** Counts of all relays of a process. */
export interface FleetCounts {
  registrations: number;
  beats: number;
  fetches: number;
  failures: number;
  /** Bytes of answers, without HTTP headers. */
  receivedBytes: number;
}

/** Options of a light relay. */
export interface LightRelayOptions {
  readonly record: RelayRecord;
  /** Its registration key. */
  readonly key: Uint8Array;
  readonly port: number;
  /** The loopback address that it connects from. */
  readonly localAddress: string;
  readonly counts: FleetCounts;
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * The registration of a relay without the relay, over a connection of its own, so that one process
 * can have ten thousand. It registers, beats and takes the registry as a relay does
 * (docs/registration.md), but reads of answers only what it must.
 */
export class LightRelay {
  /** The version of the registry that it has, and when it took it, ms. */
  version: string | null = null;
  versionAtMs = 0;
  /** When a beat that named that version was answered; infinity before. */
  confirmedAtMs = Number.POSITIVE_INFINITY;
  isRegistered = false;
  readonly #options: LightRelayOptions;
  #socket: Socket | undefined;
  #eager = EAGER_BEATS;
  #failures = 0;
  #beatMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(options: LightRelayOptions) {
    this.#options = options;
  }

  /** Registers and beats until `end`. */
  start(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#turn(), delayMs);
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  async #turn(): Promise<void> {
    let waitMs: number;
    try {
      waitMs = await this.#step();
      this.#failures = 0;
    } catch {
      this.#options.counts.failures += this.#ended ? 0 : 1;
      waitMs = Math.min(RETRY_MS * 2 ** this.#failures, RETRY_MS_MAX) * (0.5 + Math.random() / 2);
      this.#failures += 1;
    }
    if (!this.#ended) this.start(waitMs);
  }

  /** Registers or beats. @returns the time until the next request, ms */
  async #step(): Promise<number> {
    const { record, counts } = this.#options;
    const soonMs = SOON_MS * (1 + Math.random());
    const named = this.version;
    const registryVersion = named;
    const answer = this.isRegistered
      ? await this.#send('POST', 'beat', { start: record.start, registryVersion, ...SAID })
      : await this.#send('PUT', 'registration', { record, registryVersion, ...SAID });
    if (answer.status === 404) {
      this.isRegistered = false;
      return soonMs;
    }
    if (answer.status !== 200) throw new Error(`answer ${answer.status}`);
    if (this.isRegistered) {
      counts.beats += 1;
      this.#eager -= 1;
      if (named !== null) this.confirmedAtMs = Math.min(this.confirmedAtMs, performance.now());
    } else {
      counts.registrations += 1;
      this.isRegistered = true;
      this.#eager = EAGER_BEATS;
    }
    const text = answer.body.toString();
    const beatSeconds = wordOf(text, 'beatSeconds');
    this.#beatMs = beatSeconds === undefined ? undefined : Number(beatSeconds) * 1_000;
    const isNew = await this.#take(text);
    if (this.#beatMs === undefined && (isNew || this.#eager > 0)) return soonMs;
    return (this.#beatMs ?? BEAT_MS) * (0.5 + Math.random() / 2);
  }

  /** Takes the version that an answer names. @returns whether it is another one */
  async #take(text: string): Promise<boolean> {
    const version = wordOf(text, 'registryVersion');
    if (version === undefined || version === this.version) return false;
    const changes = wordOf(text, 'registryChangesDigest');
    if (changes !== undefined || !text.includes('"registryChanges":{')) {
      const digest = changes ?? version.replace(/^\d+-/, '');
      const hasParts = changes === undefined && version.includes('-');
      if (!(await this.#fetchAll(digest, hasParts))) return false;
    }
    this.version = version;
    this.versionAtMs = performance.now();
    this.confirmedAtMs = Number.POSITIVE_INFINITY;
    return true;
  }

  /**
   * Fetches changes or a version, and all of its parts: it has no records to compare.
   * @returns whether the directory still has all of it
   */
  async #fetchAll(digest: string, hasParts: boolean): Promise<boolean> {
    const body = await this.#fetch(digest);
    if (body === undefined) return false;
    if (!hasParts) return true;
    // The index is short, so that unpacking it costs this process little.
    for (const [part] of gunzipSync(body)
      .toString()
      .matchAll(/[0-9a-f]{64}/g)) {
      if ((await this.#fetch(part)) === undefined) return false;
    }
    return true;
  }

  /** Returns a body; undefined if there is a newer version, which the next answer names. */
  async #fetch(digest: string): Promise<Buffer | undefined> {
    this.#options.counts.fetches += 1;
    const { status, body } = await this.#send('GET', `registry/${digest}`);
    if (status !== 200 && status !== 404) throw new Error(`answer ${status}`);
    return status === 200 ? body : undefined;
  }

  async #send(method: string, resource: string, body?: object): Promise<Answer> {
    const { record, key, counts } = this.#options;
    const path = `/v1/relays/${record.id}/${resource}`;
    const text = body === undefined ? '' : JSON.stringify(body);
    const timeMs = Date.now();
    const nonce = randomBytes(16).toString('hex');
    const signature = signRequest(key, { method, path, timeMs, nonce, body: text });
    const content =
      text === ''
        ? 'accept-encoding: gzip\r\n'
        : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`;
    const head =
      `${method} ${path} HTTP/1.1\r\nhost: directory\r\nturnpike-time: ${timeMs}\r\n` +
      `turnpike-nonce: ${nonce}\r\nturnpike-signature: ${signature}\r\n${content}\r\n`;
    const answer = await this.#exchange(head + text);
    counts.receivedBytes += answer.body.length;
    return answer;
  }

  #exchange(request: string): Promise<Answer> {
    const socket = this.#connected();
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
      const done = () => {
        clearTimeout(timer);
        socket.off('data', onData).off('close', onClose);
      };
      const onClose = () => {
        done();
        if (this.#socket === socket) this.#socket = undefined;
        reject(new Error('closed'));
      };
      const onData = (chunk: Buffer) => {
        chunks.push(chunk);
        const answer = answerOf(chunks.length === 1 ? chunk : Buffer.concat(chunks));
        if (answer === undefined) return;
        done();
        resolve(answer);
      };
      socket.on('data', onData).on('close', onClose);
      socket.write(request);
    });
  }

  #connected(): Socket {
    if (this.#socket !== undefined && !this.#socket.destroyed) return this.#socket;
    const { port, localAddress } = this.#options;
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    socket.on('error', () => {});
    this.#socket = socket;
    return socket;
  }
}

/** Returns an answer of which all bytes have come. */
function answerOf(bytes: Buffer): Answer | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const status = Number(head.slice(9, 12));
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const body = bytes.subarray(end + 4);
  return body.length < length ? undefined : { status, body };
}

/** Returns a string or number of a JSON object, without parsing the rest. */
function wordOf(text: string, name: string): string | undefined {
  return new RegExp(`"${name}":"?([\\w.-]+)`).exec(text)?.[1];
}
