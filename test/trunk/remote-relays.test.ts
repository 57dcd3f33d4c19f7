import { pino } from 'pino';
import t from 'tap';
import { sameAddress } from '../../src/address.js';
import { TrunkLog } from '../../src/relay/trunk-log.js';
import { established, World } from '../relay/world/index.js';

t.test('the alternate is a relay that can be reached if there is one', async (t) => {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10');
  world.addRelay('apart-1', '192.0.2.20', { trunkIp: '[2001:db8::20]' });
  world.introduce();
  t.equal(
    fra.core.context.trunk.relays.alternate(4)?.address,
    '192.0.2.20',
    'the only one, which cannot be reached',
  );
  world.addRelay('nyc-1', '192.0.2.30');
  world.introduce();
  t.equal(fra.core.context.trunk.relays.alternate(4)?.address, '192.0.2.30');
  t.equal(fra.core.context.trunk.relays.alternate(6), undefined);
});

t.test('a relay that the data plane refuses is left out, and the others are taken', (t) => {
  const { world, a, fra, nyc } = established();
  const { relays } = fra.core.context.trunk;
  const lax = world.addRelay('lax-1', '192.0.2.30');
  const moved = { ...nyc.record, recordsMax: 7 };
  fra.plane.refuses = ({ recordsMax }) => recordsMax === 7;
  fra.core.updateRelays([fra.record, moved, lax.record]);
  t.same([...fra.plane.remoteRelays.keys()], [relays.get('lax-1')?.relayIndex]);
  t.same(
    [...relays.all()].map(({ id, listed }) => [id, listed]),
    [
      ['nyc-1', true],
      ['lax-1', true],
    ],
  );
  t.equal(relays.serving(lax.service), relays.get('lax-1'));
  t.equal(relays.get('nyc-1')?.path, undefined);
  world.pass(1_000);
  t.equal(a.closed.length, 1, 'its connections end');
  t.equal(fra.core.faults, 0, 'it is not probed');
  t.type(relays.get('lax-1')?.rttNs, 'number');
  fra.core.updateRelays([fra.record, nyc.record, lax.record]);
  world.pass(1_000);
  t.type(relays.get('nyc-1')?.rttNs, 'number', 'it is taken once its entry is not refused');
  t.end();
});

t.test('a vanished relay all of whose sources another relay has now is not probed', (t) => {
  const { world, a, fra, nyc } = established();
  const { relays } = fra.core.context.trunk;
  const lax = world.addRelay('lax-1', '192.0.2.30');
  const heir = { ...lax.record, trunkSources: [...lax.record.trunkSources, nyc.trunk] };
  fra.core.updateRelays([fra.record, heir]);
  world.pass(1_000);
  t.equal(fra.core.faults, 0);
  t.equal(a.closed.length, 1, 'nothing that it sends could be accepted');
  t.equal(relays.get('nyc-1'), undefined);
  const probed = fra.plane.probes.flatMap(({ path }) => path?.tuple.remote ?? []);
  t.ok(probed.some((remote) => sameAddress(remote, lax.trunk)));
  t.end();
});

t.test('a refused relay is logged', (t) => {
  const lines: object[] = [];
  const world = new World();
  const logger = pino({}, { write: (line) => void lines.push(JSON.parse(line)) });
  const log = new TrunkLog(world.clock, logger);
  const fra = world.addRelay('fra-1', '192.0.2.10', {
    onTrunk: (remote, event) => log.say(remote, event),
  });
  world.addRelay('nyc-1', '192.0.2.20');
  fra.plane.refuses = () => true;
  world.introduce();
  t.match(lines, [{ event: 'relay-refused', relay: 'nyc-1', err: { message: 'refused' } }]);
  t.end();
});
