import Type, { type Static } from 'typebox';
import { formatAddress } from '../../address.js';
import type { Clock } from '../../clock.js';
import { textHash } from '../../collections/hash.js';
import { AddressText, Name, Port } from '../../registry/schemas.js';
import type { RelayRecord } from '../../registry/types.js';
import type { Doubt } from '../../selection/doubts.js';
import type { Finding, Reachability } from '../reachability/reachability.js';
import type { LiveRelay, RegistryContents } from '../snapshot.js';

const Verdict = Type.Union(
  [
    Type.Literal('reachable'),
    Type.Literal('unchecked'),
    Type.Literal('suspected'),
    Type.Literal('partial'),
    Type.Literal('unreachable'),
  ],
  {
    description:
      'reachable: nothing is said against it. unchecked: nobody had the time to find out. ' +
      'suspected: too few say it does not answer for a verdict; unreachable: a verdict. Both are ' +
      'given to peers only where nothing else can serve. partial: so it is with some of its ' +
      'service addresses.',
  },
);

type Verdict = Static<typeof Verdict>;

const Said = Type.Object({
  verdict: Verdict,
  since: Type.Optional(Type.String({ format: 'date-time' })),
  unreachedBy: Type.Integer({ description: 'How many relays say that they do not reach it.' }),
  observers: Type.Integer({ description: 'How many relays could tell.' }),
  by: Type.Array(
    Type.Object({ id: Name, reason: Type.String(), since: Type.String({ format: 'date-time' }) }),
    { description: 'Some of them.' },
  ),
});

/** What other relays report of a relay. Parts without a report are left out. */
const ReachabilityShape = Type.Object({
  verdict: Verdict,
  trunk: Type.Optional(Said),
  service: Type.Optional(Type.Array(Type.Object({ ...Said.properties, address: Type.String() }))),
  cutOff: Type.Optional(
    Type.Boolean({ description: 'It says itself that it reaches hardly any other relay.' }),
  ),
  unknownTo: Type.Optional(
    Type.Integer({ description: 'Relays that have not confirmed a registry with it.' }),
  ),
});

/** Schema of the response to `GET /v1/relays`. */
export const RelaysAnswer = Type.Object({
  relays: Type.Array(
    Type.Object({
      id: Name,
      region: Name,
      addresses: Type.Array(Type.Object({ address: AddressText, port: Port })),
      turn: Type.Boolean({
        description: "Whether it serves standard TURN to tenants' users, at its addresses.",
      }),
      reachability: ReachabilityShape,
    }),
  ),
  next: Type.Optional(
    Type.String({ description: 'Present if there are more: the `after` of the next request.' }),
  ),
});

/** Query of `GET /v1/relays`. */
export const RelaysQuery = Type.Object({
  after: Type.Optional(
    Type.String({ pattern: '^[0-9a-f]{8}$', description: 'The `next` of the answer before.' }),
  ),
});

/** Maximum relays in an answer to `GET /v1/relays`. */
const LISTED_RELAYS_MAX = 1_024;
/** Length after which such an answer ends: clients read 1 MiB. */
const LISTED_BYTES_MAX = 786_432;

/** What describes relays: the dependencies of `relaysPage`. */
export interface RelaysListed {
  readonly relays: readonly LiveRelay[];
  readonly reachability: Reachability;
  readonly clock: Clock;
}

/**
 * Returns an answer to `GET /v1/relays` as JSON: all relays that may be chosen, or the next ones by
 * the hash of their ids if they are too many for one answer. So each page is a sample of all
 * regions, and a relay that stays is in one page, whichever come and go meanwhile.
 * @param after - `next` of the page before, a hash as 8 hex digits; undefined for the first page
 */
export function relaysPage(listed: RelaysListed, after: string | undefined): string {
  const confirmed = listed.relays.filter((relay) => relay.confirmed);
  const registries = new Map<RegistryContents | undefined, number>();
  for (const { registry } of confirmed)
    registries.set(registry, (registries.get(registry) ?? 0) + 1);
  const free = confirmed.filter(({ draining }) => !draining);
  const textOf = (relay: LiveRelay) => JSON.stringify(listedRelay(relay, registries, listed));
  if (after === undefined && free.length <= LISTED_RELAYS_MAX) {
    const texts = free.map(textOf);
    const bytes = texts.reduce((sum, text) => sum + text.length, 0);
    if (bytes <= LISTED_BYTES_MAX) return pageText(texts);
  }
  return nextPage(hashed(free, after), textOf);
}

/** A relay and the hash of its id. */
type Hashed = readonly [hash: number, relay: LiveRelay];

/** Returns the relays whose hash is above `after`, in its order. */
function hashed(relays: readonly LiveRelay[], after: string | undefined): Hashed[] {
  const above = after === undefined ? -1 : Number.parseInt(after, 16);
  return relays
    .map((relay): Hashed => [textHash(relay.record.id), relay])
    .filter(([hash]) => hash > above)
    .sort(([a], [b]) => a - b);
}

function nextPage(relays: readonly Hashed[], textOf: (relay: LiveRelay) => string): string {
  const texts: string[] = [];
  let bytes = 0;
  let last = -1;
  for (const [hash, relay] of relays) {
    const isFull = texts.length >= LISTED_RELAYS_MAX || bytes >= LISTED_BYTES_MAX;
    // Relays with the same hash are in one page.
    if (isFull && hash !== last) return pageText(texts, last.toString(16).padStart(8, '0'));
    const text = textOf(relay);
    texts.push(text);
    bytes += text.length;
    last = hash;
  }
  return pageText(texts);
}

function pageText(relays: readonly string[], next?: string): string {
  const more = next === undefined ? '' : `,"next":"${next}"`;
  return `{"relays":[${relays.join(',')}]${more}}`;
}

function listedRelay(
  relay: LiveRelay,
  registries: ReadonlyMap<RegistryContents | undefined, number>,
  { reachability, clock }: RelaysListed,
) {
  const { id, region, serviceAddresses } = relay.record;
  return {
    id,
    region,
    addresses: [...serviceAddresses],
    turn: relay.load.turn !== undefined,
    reachability: {
      ...described(relay, reachability, clock),
      ...present('cutOff', reachability.isCutOff(id)),
      ...present('unknownTo', countUnknown(registries, relay.record)),
    },
  };
}

function described({ record }: LiveRelay, reachability: Reachability, clock: Clock) {
  const trunk = reachability.trunkOf(record.id);
  const services = record.serviceAddresses.map((address) => ({
    ...reachability.serviceOf(record.id, address),
    text: formatAddress(address),
  }));
  const troubled = services.filter(isTroubled);
  return {
    verdict: overall(trunk, services),
    ...(isTroubled(trunk) ? { trunk: said(trunk, clock) } : {}),
    ...(troubled.length === 0
      ? {}
      : { service: troubled.map((each) => ({ ...said(each, clock), address: each.text })) }),
  };
}

/** Combines the trunk's doubt with those of the service addresses: the best address counts. */
function overall(trunk: Finding, services: readonly (Finding & { checked: boolean })[]): Verdict {
  const best = services.map(({ doubt }) => doubt);
  const all = (...doubts: Doubt[]) => best.every((doubt) => doubts.includes(doubt));
  if (trunk.doubt === 'unreachable' || all('unreachable')) return 'unreachable';
  if (trunk.doubt === 'suspected' || all('unreachable', 'suspected')) return 'suspected';
  if (!all('none')) return 'partial';
  return services.some(({ checked }) => checked) ? 'reachable' : 'unchecked';
}

function isTroubled({ doubt, evidence }: Finding): boolean {
  return doubt !== 'none' || evidence.said > 0;
}

function said({ doubt, sinceMs, evidence }: Finding, clock: Clock) {
  const time = (monotonicMs: number) =>
    new Date(clock.now() - (clock.monotonic() - monotonicMs)).toISOString();
  return {
    verdict: verdictOf(doubt),
    ...(doubt === 'none' ? {} : { since: time(sinceMs) }),
    unreachedBy: evidence.said,
    observers: evidence.observers,
    by: evidence.statements.map(({ reporter, reason, sinceMs: since }) => ({
      id: reporter,
      reason,
      since: time(since),
    })),
  };
}

function verdictOf(doubt: Doubt): Verdict {
  return doubt === 'none' ? 'reachable' : doubt;
}

/** Returns an object with the member, or an empty one if the value is falsy. */
function present<Value>(name: string, value: Value): Record<string, Value> {
  return value ? { [name]: value } : {};
}

/** Counts the relays whose registry in use lacks a record; a relay without a registry counts. */
function countUnknown(
  registries: ReadonlyMap<RegistryContents | undefined, number>,
  record: RelayRecord,
): number {
  let count = 0;
  for (const [registry, relays] of registries) if (!registry?.holds(record)) count += relays;
  return count;
}
