import t from 'tap';
import { appointProbers, ProberAppointments } from '../../src/directory/prober-appointments.js';
import { NO_DOUBTS } from '../../src/selection/doubts.js';
import { liveRelay } from './fixtures.js';

const NEVER = () => false;
const ALWAYS = () => true;
const RULES = { measures: ALWAYS, isCutOff: NEVER };

/** Twelve relays in four regions. */
const RELAYS = Array.from({ length: 12 }, (_, n) =>
  liveRelay(`${['fra', 'nyc', 'sin', 'gru'][n % 4]}-${n}`, n, { record: { publicKey: 'k' } }),
);

/** Returns the ids of a role, by region. */
function idsOf(roles: ReadonlyMap<string, string>, role: string): Record<string, string> {
  return Object.fromEntries(
    [...roles].flatMap(([id, each]) => (each === role ? [[id.slice(0, 3), id]] : [])),
  );
}

t.test('each region has one prober and one standby, whatever the order of relays', (t) => {
  const roles = appointProbers(RELAYS, RULES);
  t.same(Object.keys(idsOf(roles, 'prober')).sort(), ['fra', 'gru', 'nyc', 'sin']);
  t.same(Object.keys(idsOf(roles, 'standby')).sort(), ['fra', 'gru', 'nyc', 'sin']);
  t.equal(roles.size, 8);
  t.same([...appointProbers(RELAYS.toReversed(), RULES)].sort(), [...roles].sort());
  t.end();
});

t.test('the standby follows a prober that cannot measure, and no other region changes', (t) => {
  const before = appointProbers(RELAYS, RULES);
  const prober = idsOf(before, 'prober').fra as string;
  const standby = idsOf(before, 'standby').fra as string;
  const others = (roles: typeof before) =>
    [...roles].filter(([id]) => !id.startsWith('fra')).sort();
  const change = (changes: object) =>
    RELAYS.map((each) => (each.record.id === prober ? { ...each, ...changes } : each));
  const isProber = (id: string) => id === prober;
  const cases: [string, ReturnType<typeof appointProbers>][] = [
    [
      'gone',
      appointProbers(
        RELAYS.filter(({ record }) => !isProber(record.id)),
        RULES,
      ),
    ],
    ['draining', appointProbers(change({ draining: true }), RULES)],
    ['not confirmed', appointProbers(change({ confirmed: false }), RULES)],
    [
      'unreachable',
      appointProbers(change({ doubts: { ...NO_DOUBTS, trunk: 'unreachable' } }), RULES),
    ],
    ['cut off', appointProbers(RELAYS, { ...RULES, isCutOff: isProber })],
    ['old', appointProbers(RELAYS, { ...RULES, measures: (id) => !isProber(id) })],
  ];
  for (const [why, roles] of cases) {
    t.equal(idsOf(roles, 'prober').fra, standby, why);
    t.not(idsOf(roles, 'standby').fra, prober, why);
    t.same(others(roles), others(before), why);
  }
  t.end();
});

t.test('a relay joins the appointed ones with its first measurements, until it is gone', (t) => {
  const probers = new ProberAppointments({ isCutOff: NEVER });
  const [relay] = RELAYS;
  const id = relay?.record.id ?? '';
  probers.turn(RELAYS);
  t.equal(probers.roleOf(id), 'none', 'a relay that sends no measurements reads no appointments');
  probers.heard(id, true);
  probers.turn(RELAYS);
  t.equal(probers.roleOf(id), 'prober');
  probers.forget(id);
  probers.turn(RELAYS);
  t.equal(probers.roleOf(id), 'none');
  probers.heard(id, true);
  probers.heard(id, false);
  probers.turn(RELAYS);
  t.equal(probers.roleOf(id), 'none', 'it was replaced by an old version');
  t.end();
});

t.test('roles spread over the relays of many regions', (t) => {
  const relays = Array.from({ length: 2_000 }, (_, n) =>
    liveRelay(`r${n >> 1}-${n & 1}`, n, { record: { region: `r${n >> 1}`, publicKey: 'k' } }),
  );
  const probers = Object.values(
    Object.fromEntries([...appointProbers(relays, RULES)].filter(([, role]) => role === 'prober')),
  );
  const first = [...appointProbers(relays, RULES)].filter(
    ([id, role]) => role === 'prober' && id.endsWith('-0'),
  );
  t.equal(probers.length, 1_000);
  t.ok(first.length > 400 && first.length < 600, `${first.length} of 1,000 are the first relay`);
  t.end();
});
