import t from 'tap';
import type { TransportAddress } from '../../src/address.js';
import { twoRelays } from '../relay/world/index.js';

/** A point of small order: its shared secret is public (RFC 7748 section 6.1). */
const UNUSABLE_KEY = Buffer.alloc(32).toString('base64');

t.test(
  'a registry with one unusable key is not taken, and the error names the relay',
  async (t) => {
    const { world, fra, nyc } = twoRelays();
    const { relays } = fra.core.context.trunk;
    const known = () =>
      [...relays.all()].map(({ id, record, incarnation, keys }) => ({
        id,
        record,
        incarnation,
        keys,
      }));
    const before = known();
    const service = nyc.record.serviceAddresses[0] as TransportAddress;
    const newer = { ...nyc.record, start: nyc.record.start + 1, recordsMax: 7 };
    const other = { ...nyc.record, id: 'lax-1' };
    const bad = { ...other, id: 'bad-1', publicKey: UNUSABLE_KEY };
    const unusable = { ...newer, publicKey: UNUSABLE_KEY };
    for (const [records, message] of [
      [[newer, other, bad], /^relay bad-1: /],
      [[bad, newer, other], /^relay bad-1: /],
      [[other, unusable, bad], /^relay nyc-1: /],
    ] as const) {
      const update = () => fra.core.updateRelays([fra.record, ...records]);
      t.throws(update, { code: 'ERR_TURNPIKE_SECRET', message });
      t.strictSame(known(), before);
      t.equal(relays.serving(service), relays.get('nyc-1'));
    }
    world.pass(1_000);
    t.same([...relays.unreachable()], [], 'the known relay is still there');
    fra.core.updateRelays([fra.record, newer, other]);
    t.same(
      known().map(({ id, incarnation }) => [id, incarnation]),
      [
        ['nyc-1', newer.start],
        ['lax-1', other.start],
      ],
    );
  },
);
