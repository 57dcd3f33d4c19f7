import t from 'tap';
import { SmallMap } from '../../src/collections/small-map.js';

/** Returns the values in a definite order. */
const sorted = (map: SmallMap<number, string>) => [...map.values()].sort();

t.test('a small map holds one entry or many', async (t) => {
  const map = new SmallMap<number, string>();
  t.equal(map.size, 0);
  t.equal(map.get(0), undefined);
  t.same(sorted(map), []);
  for (let key = 0; key < 5; key++) {
    map.set(key, `${key}`);
    t.equal(map.size, key + 1);
  }
  map.set(0, 'a');
  map.set(3, 'd');
  t.equal(map.size, 5, 'a key has one value');
  t.same(sorted(map), ['1', '2', '4', 'a', 'd']);
  t.same([map.get(0), map.get(3), map.get(5)], ['a', 'd', undefined]);
});

t.test('a deleted entry leaves the others', async (t) => {
  const map = new SmallMap<number, string>();
  for (let key = 0; key < 3; key++) map.set(key, `${key}`);
  map.delete(0);
  map.delete(0);
  t.same([map.size, map.get(0), map.get(1)], [2, undefined, '1']);
  map.set(1, 'again');
  t.same(sorted(map), ['2', 'again'], 'an entry keeps its place when another one is free');
  map.set(7, '7');
  map.delete(1);
  map.delete(2);
  t.same(sorted(map), ['7']);
  map.delete(7);
  t.equal(map.size, 0);
});

t.test('values are deleted while they are visited', async (t) => {
  const map = new SmallMap<string, number>();
  for (const [index, key] of ['a', 'b', 'c', 'd'].entries()) map.set(key, index);
  const visited: number[] = [];
  for (const value of map.values()) {
    visited.push(value);
    map.delete('abcd'.charAt(value));
  }
  t.same(visited.sort(), [0, 1, 2, 3]);
  t.equal(map.size, 0);
});
