import t from 'tap';
import { type AddressFamily, familyOf } from '../../src/address.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { exchange, joinBoth } from './peer-agent.js';
import { PATIENCE_MS, type RelayPlan, skipReason, World } from './world.js';

/** Address families of the legs of A and B, and of the trunk between their relays. */
interface Case {
  readonly legs: readonly [AddressFamily, AddressFamily];
  readonly trunk: AddressFamily;
}

const CASES: readonly Case[] = [
  { legs: [4, 4], trunk: 6 },
  { legs: [4, 6], trunk: 4 },
  { legs: [6, 4], trunk: 6 },
  { legs: [6, 6], trunk: 4 },
  { legs: [6, 6], trunk: 6 },
];

/** Two dual-stack relays for each trunk family, each in its own region. */
const RELAYS: readonly RelayPlan[] = ([4, 6] as const).flatMap((family) =>
  ['west', 'east'].map((place) => ({
    id: `${place}-${family}`,
    region: `${place}-${family}`,
    families: [4, 6] as const,
    trunkFamilies: [family],
  })),
);

setPatience(t, PATIENCE_MS);

t.test('IPv4 and IPv6 legs work over IPv4 and IPv6 trunks', { skip: skipReason() }, async (t) => {
  const world = await World.create(t, RELAYS);
  const host = (side: string, family: AddressFamily) =>
    world.hostBehindNat(`${side}-${family}`, 'port-restricted', [family]);
  const hosts = [host('a', 4), host('a', 6), host('b', 4), host('b', 6)] as const;
  await world.start();
  const [a4, a6, b4, b6] = await world.peersIn(hosts);
  const [a, b] = [
    { 4: a4, 6: a6 },
    { 4: b4, 6: b6 },
  ];
  for (const { legs, trunk } of CASES) {
    t.test(`legs IPv${legs[0]} and IPv${legs[1]}, trunk IPv${trunk}`, async (t) => {
      const hints = ['west', 'east'].map((place, side) => ({
        region: `${place}-${trunk}`,
        family: legs[side] ?? 4,
      }));
      const [hintsA = {}, hintsB = {}] = hints;
      const pair = await joinBoth(t.name, [a[legs[0]], b[legs[1]]], [hintsA, hintsB]);
      t.same(
        pair.map(({ mapped, relay }) => [familyOf(mapped), familyOf(relay)]),
        legs.map((family) => [family, family]),
      );
      t.same(
        pair.map(({ relayId }) => relayId),
        hints.map(({ region }) => region),
      );
      for (const { sent, received } of await exchange(pair, 20, { payloadBytes: 200 })) {
        t.equal(received, sent, 'all arrived');
      }
    });
  }
});
