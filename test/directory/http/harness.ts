import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect } from 'node:net';
import type { Test } from 'tap';
import { Directory, type DirectoryOptions } from '../../../src/directory/index.js';
import { signAnswer, signRequest } from '../../../src/registry/signing.js';
import type { RelayRecord } from '../../../src/registry/types.js';
import {
  API_KEY,
  API_KEYS,
  CLUSTER_SECRET,
  FakeClock,
  IDLE,
  keyOf,
  OPERATOR_KEY,
  relayRecord,
} from '../fixtures.js';

/** An HTTP response with its parsed body. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read bodies of every type.
  readonly body: any;
}

/** Changes that make a relay's signed request wrong. */
export interface Forgery {
  readonly timeMs?: number;
  readonly nonce?: string;
  readonly key?: Uint8Array;
  /** Sent instead of the signed body. */
  readonly body?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

/** A directory on loopback with a fake clock, and requests to it. */
export class DirectoryHarness {
  private constructor(
    readonly directory: Directory,
    readonly clock: FakeClock,
  ) {}

  static async open(test: Test, options: Partial<DirectoryOptions> = {}) {
    const clock = new FakeClock();
    const directory = await Directory.open({
      listen: { address: '127.0.0.1', port: 0 },
      clusterSecret: CLUSTER_SECRET,
      apiKeys: API_KEYS,
      operatorKeys: [OPERATOR_KEY],
      clock,
      ...options,
    });
    test.teardown(() => directory.close());
    return new DirectoryHarness(directory, clock);
  }

  async request(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(`${this.directory.url}${path}`, init);
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: json ? JSON.parse(text) : text,
    };
  }

  /** Sends `POST /v1/connections`. */
  connect(body: unknown, key = API_KEY): Promise<Answer> {
    return this.request('/v1/connections', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  /** Sends `POST /v1/explanations`. */
  explain(body: unknown, key = OPERATOR_KEY): Promise<Answer> {
    return this.request('/v1/explanations', {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  /** Sends a relay's signed request. `genuine` tells whether the response is signed. */
  async signed(
    id: string,
    method: string,
    resource: string,
    body: unknown,
    forgery: Forgery = {},
  ): Promise<Answer & { readonly genuine: boolean }> {
    const path = `/v1/relays/${id}/${resource}`;
    const { key = keyOf(id), timeMs = this.clock.now() } = forgery;
    const nonce = forgery.nonce ?? randomBytes(16).toString('hex');
    const text = body === undefined ? '' : JSON.stringify(body);
    const signature = signRequest(key, { method, path, timeMs, nonce, body: text });
    const sent = forgery.body ?? text;
    const response = await fetch(`${this.directory.url}${forgery.path ?? path}`, {
      method: forgery.method ?? method,
      headers: {
        'turnpike-time': String(timeMs),
        'turnpike-nonce': nonce,
        'turnpike-signature': signature,
        ...(sent === '' ? {} : { 'content-type': 'application/json' }),
        ...forgery.headers,
      },
      ...(sent === '' ? {} : { body: sent }),
    });
    const answer = await response.text();
    const { status, headers } = response;
    const covered = { method, path, nonce, status, body: answer };
    const answerTime = Number(headers.get('turnpike-time'));
    const expected = signAnswer(key, { ...covered, timeMs: answerTime });
    return {
      status,
      headers,
      body: answer === '' ? undefined : JSON.parse(answer),
      genuine: headers.get('turnpike-signature') === expected,
    };
  }

  register(record: RelayRecord, forgery: Forgery = {}) {
    const body = { record, load: IDLE, draining: false };
    const registered = this.signed(record.id, 'PUT', 'registration', body, forgery);
    this.clock.spread();
    return registered;
  }

  beat(id: string, registryVersion: string | null, changes: object = {}) {
    const start = relayRecord(id, 1).start;
    const body = { start, registryVersion, load: IDLE, draining: false, ...changes };
    return this.signed(id, 'POST', 'beat', body);
  }

  /** Registers relays, and lets each confirm the registry. */
  async addRelays(...records: RelayRecord[]): Promise<void> {
    for (const record of records) await this.register(record);
    const { registryVersion } = (await this.beat(records[0]?.id ?? '', null)).body;
    for (const { id, start } of records) await this.beat(id, registryVersion, { start });
  }

  /** Sends text over TCP and reads until the directory ends the connection. */
  raw(text: string): Promise<string> {
    const { port } = new URL(this.directory.url) as unknown as AddressInfo;
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
      let received = '';
      socket.on('data', (chunk) => {
        received += chunk;
      });
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });
  }
}
