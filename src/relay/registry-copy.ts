import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Static } from 'typebox';
import { parsedVersion, partOf, registryText } from '../registry/parts.js';
import { canonicalRecord } from '../registry/record.js';
import type { RegistrationAnswer } from '../registry/schemas.js';
import type { Registry, RegistryChanges, RelayRecord } from '../registry/types.js';
import { registryBody, registryChangesBody, registryIndexBody } from './registration-answers.js';
import { REQUESTS_AT_ONCE_MAX, type SignedAnswerResult } from './signed-requests.js';

/** What an answer says of the registry. */
export type RegistryNews = Pick<
  Static<typeof RegistrationAnswer>,
  'registry' | 'registryVersion' | 'registryChanges' | 'registryChangesDigest'
>;

/**
 * What came of an answer: the registry is the same or another one, is newer than what the answer
 * named, or could not be fetched.
 */
export type RegistryTaken =
  | { readonly is: 'same' | 'changed' | 'outdated' }
  | { readonly is: 'unfetched'; readonly reason: string };

/** Dependencies of a `RegistryCopy`. */
export interface RegistryCopyOptions {
  /** Fetches what a signed answer named by its SHA-256, hex. */
  readonly fetch: (digest: string) => Promise<SignedAnswerResult>;
  /** Called for a record that is left out because it is invalid. */
  readonly onIgnored: (id: string, reason: string) => void;
}

type Records = Map<string, RelayRecord>;

/**
 * A relay's copy of the registry, and how it follows the directory's (docs/registration.md): by
 * changes in an answer or fetched, else by the parts that differ, else whole.
 */
export class RegistryCopy {
  readonly #options: RegistryCopyOptions;
  #version: string | null = null;
  #records: Records = new Map();
  #proved = new Set<string>();

  constructor(options: RegistryCopyOptions) {
    this.#options = options;
  }

  /** The directory's name of this version; null before the first. */
  get version(): string | null {
    return this.#version;
  }

  /** Returns the registry; unchanged relays keep their record object. */
  registry(): Registry {
    const relays = [...this.#records.values()];
    return { version: this.#version ?? '', relays, proved: [...this.#proved] };
  }

  /** Takes the registry in an answer, or fetches what the answer names. */
  async take(news: RegistryNews): Promise<RegistryTaken> {
    const { registry, registryVersion: version, registryChanges, registryChangesDigest } = news;
    if (registry !== undefined) return this.#takeWhole(registry.version, registry);
    if (version === undefined || version === this.#version) return { is: 'same' };
    if (registryChanges !== undefined && this.#change(version, registryChanges)) {
      return { is: 'changed' };
    }
    if (registryChangesDigest !== undefined) {
      const fetched = await this.#fetch(registryChangesDigest);
      if (!fetched.ok) return fetched.taken;
      if (registryChangesBody.Check(fetched.body) && this.#change(version, fetched.body)) {
        return { is: 'changed' };
      }
    }
    return this.#fetchVersion(version);
  }

  #takeWhole(version: string, { relays, proved }: Pick<Registry, 'relays' | 'proved'>) {
    const records: Records = new Map();
    for (const record of relays) this.#put(records, record);
    this.#replace(version, records, new Set(proved));
    return { is: 'changed' } as const;
  }

  /** Applies changes. @returns whether they start from this version */
  #change(version: string, { since, removed, relays, proved }: RegistryChanges): boolean {
    if (since !== this.#version) return false;
    for (const id of [...removed, ...relays.map(({ id: changed }) => changed)]) {
      this.#records.delete(id);
      this.#proved.delete(id);
    }
    for (const record of relays) this.#put(this.#records, record);
    for (const id of proved) this.#proved.add(id);
    this.#version = version;
    return true;
  }

  async #fetchVersion(version: string): Promise<RegistryTaken> {
    const fetched = await this.#fetch(parsedVersion(version).digest);
    if (!fetched.ok) return fetched.taken;
    if (registryIndexBody.Check(fetched.body)) {
      return this.#fetchParts(version, fetched.body.parts);
    }
    if (registryBody.Check(fetched.body)) return this.#takeWhole(version, fetched.body);
    return { is: 'unfetched', reason: 'not a registry' };
  }

  /** Fetches the parts that differ from this copy's. */
  async #fetchParts(version: string, digests: readonly string[]): Promise<RegistryTaken> {
    const parts = digests.map((): Records => new Map());
    for (const [id, record] of this.#records) parts[partOf(id, digests.length)]?.set(id, record);
    const proved = new Set<string>();
    const fetchPart = async (part: number): Promise<RegistryTaken | undefined> => {
      const own = parts[part] as Records;
      const ids = [...own.keys()].sort();
      const isProved = ids.filter((id) => this.#proved.has(id));
      const texts = ids.map((id) => JSON.stringify(own.get(id)));
      const text = registryText(texts, isProved);
      const digest = digests[part] as string;
      if (createHash('sha256').update(text).digest('hex') === digest) {
        for (const id of isProved) proved.add(id);
        // Messages have their turn between two parts of a large registry.
        await nextTurn();
        return undefined;
      }
      const fetched = await this.#fetch(digest);
      if (!fetched.ok) return fetched.taken;
      if (!registryBody.Check(fetched.body)) {
        return { is: 'unfetched', reason: 'not a part of a registry' };
      }
      own.clear();
      for (const record of fetched.body.relays) this.#put(own, record);
      for (const id of fetched.body.proved ?? []) proved.add(id);
      return undefined;
    };
    const failure = await takeTurns(digests.length, fetchPart);
    if (failure !== undefined) return failure;
    this.#replace(version, new Map(parts.flatMap((part) => [...part])), proved);
    return { is: 'changed' };
  }

  async #fetch(digest: string) {
    const answer = await this.#options.fetch(digest);
    if (answer.ok && answer.status === 200) return { ok: true, body: answer.body } as const;
    const reason = answer.ok ? `answer ${answer.status}` : answer.reason;
    // The next answer names the newest version; the directory counts as answering.
    const isOutdated = answer.ok && answer.status === 404;
    const taken: RegistryTaken = isOutdated ? { is: 'outdated' } : { is: 'unfetched', reason };
    return { ok: false, taken } as const;
  }

  /** Adds a record if it is valid, as the known object if it is the same. */
  #put(records: Records, given: RelayRecord): void {
    const known = this.#records.get(given.id);
    const canonical = canonicalRecord(given);
    if (!canonical.ok) return this.#options.onIgnored(given.id, canonical.reason);
    const { record } = canonical;
    const isSame = known !== undefined && JSON.stringify(known) === JSON.stringify(record);
    records.set(record.id, isSame ? known : record);
  }

  #replace(version: string, records: Records, proved: Set<string>): void {
    this.#version = version;
    this.#records = records;
    this.#proved = proved;
  }
}

/**
 * Does the tasks 0 to `count - 1`, `REQUESTS_AT_ONCE_MAX` at once, until one of them fails.
 * @returns the failure
 */
async function takeTurns(
  count: number,
  task: (index: number) => Promise<RegistryTaken | undefined>,
): Promise<RegistryTaken | undefined> {
  let next = 0;
  let failure: RegistryTaken | undefined;
  const work = async () => {
    while (next < count && failure === undefined) {
      const index = next;
      next += 1;
      failure = (await task(index)) ?? failure;
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE_MAX }, work));
  return failure;
}
