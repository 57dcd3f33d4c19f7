import { randomBytes } from 'node:crypto';
import t from 'tap';
import type { RelayRecord } from '../../../src/registry/types.js';
import { IDLE, relayRecord } from '../fixtures.js';
import { DirectoryHarness } from './harness.js';

const TRUE = relayRecord('fra-1', 1);
const THIEF = relayRecord('evil-1', 9, {
  serviceAddresses: TRUE.serviceAddresses,
  trunkAddresses: TRUE.trunkAddresses,
  trunkSources: TRUE.trunkSources,
});
const ADDRESSES = ['10.0.0.1:3478', '10.0.0.1:3480'];

/** A directory with checkers of two regions; `say` reports their results. */
async function directory(t: Parameters<typeof DirectoryHarness.open>[0]) {
  const harness = await DirectoryHarness.open(t);
  const register = async (record: RelayRecord, changes: object = { claims: [] }) => {
    const body = { record, load: IDLE, draining: false, ...changes };
    const answer = await harness.signed(record.id, 'PUT', 'registration', body);
    harness.clock.spread();
    return answer;
  };
  await register(relayRecord('nyc-1', 2));
  await register(relayRecord('sin-1', 3));
  const say = async (claimant: string, proved: boolean) => {
    for (const id of ['nyc-1', 'sin-1']) {
      const claims = ADDRESSES.map((address) => ({ id: claimant, address, proved }));
      await harness.beat(id, null, { claims });
    }
  };
  return { harness, register, say };
}

t.test('a contested claim is checked, decided, and marked as proved in the registry', async (t) => {
  const { harness, register, say } = await directory(t);
  t.equal((await register(THIEF)).status, 200);
  const contested = await register(TRUE);
  t.match(contested, { status: 409, genuine: true, body: { code: 'address-contested' } });
  const checkers = contested.body.checkers.map(({ id }: RelayRecord) => id).sort();
  t.same(checkers, ['nyc-1', 'sin-1']);
  const { challenge } = (await harness.beat('nyc-1', null, { claims: [] })).body;
  t.same(
    challenge,
    ADDRESSES.map((address) => ({ id: 'fra-1', publicKey: TRUE.publicKey, address })),
  );
  t.equal((await harness.beat('evil-1', null)).body.challenge, undefined);

  await say('fra-1', true);
  t.equal((await register(TRUE)).status, 200);
  t.match(await harness.beat('evil-1', null), { status: 404, body: { code: 'unknown-relay' } });
  const { registryVersion } = (await harness.beat('fra-1', null)).body;
  const registry = (await harness.signed('nyc-1', 'GET', `registry/${registryVersion}`, undefined))
    .body;
  t.same(
    registry.relays.map(({ id }: RelayRecord) => id),
    ['fra-1', 'nyc-1', 'sin-1'],
  );
  t.same(registry.proved, ['fra-1']);

  t.match((await register(THIEF)).body, { code: 'address-contested' });
  await say('evil-1', false);
  const taken = await register(THIEF);
  t.match(taken, { status: 409, body: { code: 'address-taken', detail: /fra-1.*did not answer/ } });
  const renewed = await register({ ...TRUE, start: TRUE.start + 1 });
  t.equal(renewed.status, 200, 'the incumbent may restart');
});

t.test('without checkers of two regions the incumbent stays', async (t) => {
  const { harness, register } = await directory(t);
  await register(TRUE);
  // A beat of a relay of version 0.1.0 has no `claims`.
  await harness.beat('nyc-1', null);
  const taken = await register(THIEF);
  t.match(taken, { status: 409, body: { code: 'address-taken', detail: /two other regions/ } });
  t.equal(taken.body.checkers, undefined);
});

t.test('a deregistration frees the addresses at once', async (t) => {
  const { harness, register } = await directory(t);
  await register(TRUE);
  await harness.signed('fra-1', 'DELETE', `registration?start=${TRUE.start}`, undefined);
  t.equal((await register(relayRecord('fra-2', 1))).status, 200);
});

t.test('malformed results are refused, and results of no contest are ignored', async (t) => {
  const { harness, register } = await directory(t);
  const result = { id: 'fra-1', address: '10.0.0.1:3478', proved: true };
  const wrong: unknown[] = [
    7,
    {},
    [7],
    [{ ...result, proved: 'yes' }],
    [{ ...result, id: '' }],
    [{ ...result, address: 'x'.repeat(99) }],
    Array.from({ length: 65 }, () => result),
  ];
  for (const claims of wrong) {
    t.match(await harness.beat('nyc-1', null, { claims }), { status: 400 }, JSON.stringify(claims));
  }
  const strange = randomBytes(8).toString('hex');
  const claims = [result, { ...result, id: strange }, { ...result, address: '[::1]:1' }];
  t.equal((await harness.beat('nyc-1', null, { claims })).status, 200);
  await register(THIEF);
  t.match(
    (await register(TRUE)).body,
    { code: 'address-contested' },
    'results from before the contest do not count',
  );
});
