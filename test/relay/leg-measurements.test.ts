import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { established, twoRelays } from './world/index.js';

const CLAIM = { rttMs: 0.1, jitterMs: 1.2, loss: 0.004, count: 3 };

t.test('a relay reports the legs of its peers by network, bounded by what it measured', (t) => {
  const { world, fra, nyc, a } = twoRelays();
  fra.core.measurements.answered('none');
  a.challenge();
  world.clock.advance(50);
  a.allocate(nyc.service);
  t.same(fra.core.measurements.report().legs, [
    { network: '203.0.113.0/24', rtt: 50, sd: 0, count: 1 },
  ]);
  fra.core.measurements.answered('none');
  const answer = a.request(Method.Refresh, (writer) =>
    writer.connectionIdentifier(a.connectionId).u32(AttributeType.Lifetime, 600).legQuality(CLAIM),
  );
  t.equal(answer?.messageClass, 'success');
  t.same(fra.core.measurements.report().legs, [
    { network: '203.0.113.0/24', rtt: 50, sd: 0, jitter: 1.2, loss: 0.004, count: 3 },
  ]);
  t.same(fra.core.measurements.report(), fra.core.measurements.report(), 'until it is delivered');
  t.end();
});

t.test('a malformed LEG-QUALITY changes nothing', (t) => {
  const { fra, a } = established();
  fra.core.measurements.answered('none');
  fra.core.measurements.report();
  fra.core.measurements.answered('none');
  const answer = a.request(Method.Refresh, (writer) =>
    writer
      .connectionIdentifier(a.connectionId)
      .u32(AttributeType.Lifetime, 600)
      .bytes(AttributeType.LegQuality, new Uint8Array(8)),
  );
  t.equal(answer?.messageClass, 'success');
  t.same(fra.core.measurements.report().legs, []);
  t.equal(fra.core.faults, 0);
  t.end();
});
