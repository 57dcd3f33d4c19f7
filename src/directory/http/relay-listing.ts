import Type, { type Static } from 'typebox';
import { formatAddress } from '../../address.js';
import type { Clock } from '../../clock.js';
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
});

/** Returns the relays of `GET /v1/relays`: those that may be chosen. */
export function listRelays(relays: readonly LiveRelay[], reachability: Reachability, clock: Clock) {
  const confirmed = relays.filter((relay) => relay.confirmed);
  const registries = new Map<RegistryContents | undefined, number>();
  for (const { registry } of confirmed)
    registries.set(registry, (registries.get(registry) ?? 0) + 1);
  return confirmed
    .filter(({ draining }) => !draining)
    .map((relay) => {
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
    });
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
