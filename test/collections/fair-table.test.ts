import t from 'tap';
import { FairQueue } from '../../src/collections/fair-queue.js';
import { FairTable } from '../../src/collections/fair-table.js';
import { Fifo } from '../../src/collections/fifo.js';

t.test('a Fifo returns items in order, and any item can be deleted', async (t) => {
  const fifo = new Fifo<number>();
  t.equal(fifo.first(), undefined);
  for (let n = 1; n <= 6; n++) fifo.add(n);
  t.equal(fifo.first(), 1);
  t.ok(fifo.delete(3));
  t.notOk(fifo.delete(3));
  t.ok(fifo.delete(1));
  t.equal(fifo.first(), 2);
  fifo.delete(2);
  fifo.add(2);
  t.equal(fifo.first(), 4, 'an item that is added again is the last');
  for (const n of [4, 5, 6, 2]) {
    t.equal(fifo.first(), n);
    fifo.delete(n);
  }
  t.equal(fifo.first(), undefined);
  fifo.add(7);
  t.equal(fifo.first(), 7, 'it can be used after it was empty');
  t.strictSame([...fifo], [7]);
});

t.test('a FairQueue takes from the shares in turn', async (t) => {
  const set = new FairQueue<string>((item) => item[0] as string);
  for (const item of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1']) set.add(item);
  set.add('a1');
  t.equal(set.size, 7, 'an item is queued once');
  set.delete('a2');
  set.delete('a2');
  const order: string[] = [];
  for (let item = set.take(); item; item = set.take()) order.push(item);
  t.strictSame(order, ['a1', 'b1', 'c1', 'a3', 'b2', 'a4']);
  t.equal(set.size, 0);
  set.add('a5');
  set.delete('a5');
  t.equal(set.take(), undefined);
});

t.test('in a full table the largest share loses its oldest entry to a smaller share', async (t) => {
  const table = new FairTable<number>(6, 'newest');
  for (let n = 1; n <= 6; n++)
    t.strictSame(table.put('a', `a${n}`, n), { kept: true, gaveWay: undefined });
  t.strictSame(table.put('a', 'a7', 7), { kept: false }, 'the largest share gets no more');
  t.strictSame(table.put('b', 'b1', 11), { kept: true, gaveWay: 1 }, 'its oldest entry is removed');
  table.put('b', 'b2', 12);
  t.strictSame(table.put('b', 'b3', 13), { kept: true, gaveWay: 3 });
  t.strictSame(table.put('b', 'b4', 14), { kept: false }, 'refused when both are equal');
  t.strictSame(table.put('c', 'c1', 21).kept, true);
  t.equal(table.size, 6);
  t.strictSame(table.put('c', 'c1', 22), { kept: true, gaveWay: undefined }, 'replaced');
  t.equal(table.get('c1'), 22);
  for (const [key] of table.entries()) table.delete(key);
  t.equal(table.size, 0);
  t.strictSame(table.put('a', 'a9', 9), { kept: true, gaveWay: undefined });
});

t.test('with `oldest` the largest share loses its own oldest entry', async (t) => {
  const table = new FairTable<number>(3, 'oldest');
  for (let n = 1; n <= 3; n++) table.put('a', `a${n}`, n);
  t.strictSame(table.put('a', 'a4', 4), { kept: true, gaveWay: 1 });
  t.strictSame(table.put('b', 'b1', 11), { kept: true, gaveWay: 2 });
  t.strictSame(new FairTable<number>(0, 'oldest').put('a', 'a1', 1), { kept: false });
});

t.test('after any order of calls an entry of the largest share is removed', async (t) => {
  const table = new FairTable<string>(40, 'oldest');
  const held = new Map<string, string>();
  let state = 7;
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
  const sizeOf = (share: string) => [...held.values()].filter((each) => each === share).length;
  for (let step = 0; step < 5_000; step++) {
    const key = `k${random(100)}`;
    if (random(4) === 0) {
      table.delete(key);
      held.delete(key);
      continue;
    }
    const share = `s${random(5)}`;
    held.delete(key);
    const most = Math.max(0, ...['s0', 's1', 's2', 's3', 's4'].map(sizeOf));
    const before = new Map(held);
    const { kept, gaveWay } = table.put(share, key, key);
    if (gaveWay !== undefined) {
      const loser = before.get(gaveWay) as string;
      if (sizeOf(loser) !== most) t.fail(`step ${step}: ${loser} is not the largest`);
      held.delete(gaveWay);
    }
    if (kept) held.set(key, share);
    if (table.size !== held.size) t.fail(`step ${step}: ${table.size} is not ${held.size}`);
  }
  t.strictSame([...table.entries()].map(([key]) => key).sort(), [...held.keys()].sort());
});
