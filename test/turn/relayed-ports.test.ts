import { randomBytes } from 'node:crypto';
import t from 'tap';
import type { RandomBytes } from '../../src/random.js';
import { RelayedPorts } from '../../src/turn/relayed-ports.js';
import { TURN_LIMITS } from '../../src/turn/turn-limits.js';

const ADDRESS = { address: '192.0.2.5', advertised: '192.0.2.5' };
const { portRestMs } = TURN_LIMITS;

function portsOf(min: number, max: number, random: RandomBytes = randomBytes) {
  return new RelayedPorts(ADDRESS, { min, max }, random);
}

t.test('every port of the range is taken once, then none', async (t) => {
  const ports = portsOf(50_000, 50_099);
  const taken = Array.from({ length: 100 }, () => ports.take('any', 0));
  t.equal(new Set(taken).size, 100);
  t.ok(taken.every((port) => port !== undefined && port >= 50_000 && port <= 50_099));
  t.equal(ports.take('any', 0), undefined);
  t.equal(ports.take('even', 0), undefined);
  t.equal(ports.held, 100);
});

t.test('the random source chooses, and no order shows', async (t) => {
  const first = () => portsOf(1_024, 65_535).take('any', 0);
  t.ok(new Set(Array.from({ length: 20 }, first)).size > 10);
  const ports = portsOf(50_000, 59_999);
  const steps = new Set<number>();
  let last = ports.take('any', 0) as number;
  for (let index = 0; index < 50; index += 1) {
    const next = ports.take('any', 0) as number;
    steps.add(next - last);
    last = next;
  }
  t.ok(steps.size > 40, `${steps.size} different steps`);
  const always0 = portsOf(50_000, 50_009, (bytes) => new Uint8Array(bytes));
  t.equal(always0.take('any', 0), 50_000, 'nothing but the random source chooses');
});

t.test('a freed port rests; without another the longest rested is taken', async (t) => {
  const ports = portsOf(50_000, 50_003);
  const taken = Array.from({ length: 4 }, () => ports.take('any', 0) as number);
  for (const [index, port] of taken.slice(0, 3).entries()) ports.free(port, 1_000 + index);
  t.equal(ports.held, 1);
  t.equal(ports.take('any', 2_000), taken[0], 'the first that was freed');
  t.equal(ports.take('any', 2_000), taken[1]);
  ports.free(taken[3] as number, 2_000);
  t.equal(ports.take('any', 1_002 + portRestMs), taken[2], 'the only one that has rested');
  t.equal(ports.take('any', 1_002 + portRestMs), taken[3]);
  t.equal(ports.take('any', 1_002 + portRestMs), undefined);
});

t.test('a rested port is not preferred to others', async (t) => {
  const ports = portsOf(50_000, 50_999);
  const port = ports.take('any', 0) as number;
  ports.free(port, 0);
  const resting = Array.from({ length: 999 }, () => ports.take('any', portRestMs - 1));
  t.notOk(resting.includes(port));
  t.equal(ports.take('any', portRestMs), port);
});

t.test('even ports, and pairs whose second port is free, are found', async (t) => {
  const ports = portsOf(50_000, 50_009);
  const evens = Array.from({ length: 5 }, () => ports.take('even', 0));
  t.same(evens.toSorted(), [50_000, 50_002, 50_004, 50_006, 50_008]);
  t.equal(ports.take('even', 0), undefined);
  t.equal(ports.take('pair', 0), undefined);
  ports.free(50_004, 0);
  t.equal(ports.take('even', 1), 50_004, 'under pressure one that rests');
  ports.free(50_006, 2);
  t.equal(ports.take('pair', 3), 50_006);
  t.equal(ports.held, 6);
  const held = Array.from({ length: 4 }, () => ports.take('any', 3));
  t.notOk(held.includes(50_007), 'the second port of the pair is held');
  t.notOk(held.includes(undefined));
});

t.test('a pair does not leave the range', async (t) => {
  const ports = portsOf(50_001, 50_002);
  t.equal(ports.take('pair', 0), undefined);
  t.equal(ports.take('even', 0), 50_002);
});

t.test('a port that is put back need not rest', async (t) => {
  const ports = portsOf(50_000, 50_001);
  const [first, second] = [ports.take('any', 0) as number, ports.take('any', 0) as number];
  ports.free(first, 0);
  ports.putBack(second);
  t.equal(ports.held, 0);
  t.equal(ports.take('any', 1), second);
});
