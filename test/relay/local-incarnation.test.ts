import t from 'tap';
import { LocalIncarnation } from '../../src/relay/local-incarnation.js';

function made({ chosen, isPublic = false }: { chosen?: number; isPublic?: boolean }) {
  const time = { now: 1_000 };
  const clock = { now: () => time.now, monotonic: () => 0 };
  const changes: number[] = [];
  const own: LocalIncarnation = new LocalIncarnation({
    chosen,
    isPublic,
    clock,
    onChange: () => changes.push(own.value),
  });
  return { time, own, changes };
}

t.test('an incarnation from the clock follows a correction of it until `settle`', async (t) => {
  const { time, own, changes } = made({});
  time.now = 900;
  t.equal(own.toRegister(), 900, 'the clock was set back');
  own.settle();
  time.now = 5_000;
  t.equal(own.toRegister(), 900);
  t.same(changes, [900]);
});

t.test('a chosen incarnation stays unless the directory raises it', async (t) => {
  const { own, changes } = made({ chosen: 7 });
  t.equal(own.toRegister(), 7);
  own.raise(9);
  t.equal(own.toRegister(), 9);
  own.raise(8);
  t.equal(own.value, 9);
  t.same(changes, [9]);
  t.equal(made({ isPublic: true }).own.toRegister(), 1_000);
});
