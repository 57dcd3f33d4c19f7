/**
 * Many relays' registrations in one process: each registers, beats and fetches the registry as
 * docs/registration.md says, and looks into no registry. It runs beside the directory under test.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { signRequest } from '../../../src/registry/signing.js';
import { IDLE, keyOf, relayRecord } from '../fixtures.js';

const BEAT_MS = 1_000;
const SOON_MS = 75;
const EAGER_BEATS = 8;
const RETRY_MS = 500;
const ANSWER_MS = 5_000;

class FleetRelay {
  version: string | null = null;
  failures = 0;
  readonly #id: string;
  readonly #key: Uint8Array;
  readonly #record;
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #eager = EAGER_BEATS;

  constructor(url: string, index: number) {
    this.#url = url;
    this.#id = `r${index % 9}-${index}`;
    this.#key = keyOf(this.#id);
    this.#record = { ...relayRecord(this.#id, index + 1), start: Date.now() };
  }

  async run(): Promise<never> {
    let registered = false;
    for (;;) {
      try {
        registered = await this.#step(registered);
        this.#eager -= 1;
        const wait = this.#eager > 0 ? SOON_MS : BEAT_MS;
        await sleep(wait * (1 + Math.random()));
      } catch {
        this.failures += 1;
        await sleep(RETRY_MS * (1 + Math.random()));
      }
    }
  }

  async #step(registered: boolean): Promise<boolean> {
    const said = { load: IDLE, draining: false, fetchesRegistry: true };
    const { start } = this.#record;
    const answer = registered
      ? await this.#send('POST', 'beat', { start, registryVersion: this.version, ...said })
      : await this.#send('PUT', 'registration', { record: this.#record, ...said });
    if (answer.status === 404) return false;
    if (answer.status !== 200) throw new Error(`answer ${answer.status}`);
    const { registryVersion } = JSON.parse(answer.body.toString());
    if (registryVersion === this.version) return true;
    const fetched = await this.#send('GET', `registry/${registryVersion}`);
    if (fetched.status === 200) this.version = registryVersion;
    return true;
  }

  async #send(method: string, resource: string, body?: object) {
    const path = `/v1/relays/${this.#id}/${resource}`;
    const timeMs = Date.now();
    const nonce = randomBytes(16).toString('hex');
    const text = body === undefined ? '' : JSON.stringify(body);
    const covered = { method, path, timeMs, nonce, body: text };
    const sent = request(`${this.#url}${path}`, {
      method,
      agent: this.#agent,
      signal: AbortSignal.timeout(ANSWER_MS),
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
    return { status: response.statusCode, body: Buffer.concat(chunks) };
  }
}

const [url = '', relays = '', startMs = ''] = process.argv.slice(2);
const fleet = Array.from({ length: Number(relays) }, (_, index) => new FleetRelay(url, index));
process.send?.('made');
process.on('disconnect', () => process.exit());
for (const relay of fleet) {
  setTimeout(() => void relay.run(), Math.random() * Number(startMs));
}
