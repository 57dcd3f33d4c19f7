import { setImmediate as round } from 'node:timers/promises';
import t from 'tap';
import { RelayTurns, type TurnKind } from '../../../src/directory/http/relay-turns.js';
import { FakeClock } from '../fixtures.js';

function world() {
  const clock = new FakeClock();
  const turns = new RelayTurns(clock);
  const went: string[] = [];
  const take = (kind: TurnKind, name: string, isGone = () => false) => {
    void turns.take(kind, isGone).then(() => went.push(name));
  };
  return { clock, turns, went, take };
}

t.test('beats go before registrations, which go all the same', async (t) => {
  const { turns, went, take } = world();
  for (let n = 0; n < 4; n += 1) take('registration', `r${n}`);
  for (let n = 0; n < 6; n += 1) take('beat', `b${n}`);
  t.same(went, [], 'a round at least');
  for (let n = 0; n < 10; n += 1) await round();
  t.equal(went.join(' '), 'b0 b1 b2 r0 b3 b4 b5 r1 r2 r3');
  t.equal(turns.size, 0);
});

t.test('who has given up takes nobody’s turn', async (t) => {
  const { went, take } = world();
  for (let n = 0; n < 100; n += 1) take('beat', 'gone', () => true);
  take('beat', 'b0');
  await round();
  t.equal(went.at(-1), 'b0');
});

t.test('until when all was heard', async (t) => {
  const { clock, turns, take } = world();
  const now = () => clock.monotonic();
  t.equal(turns.heardUntilMs(), now());
  const began = now();
  take('registration', 'r');
  clock.advance(700);
  take('beat', 'b');
  clock.advance(900);
  t.equal(turns.heardUntilMs(), began);
  await round();
  await round();
  t.equal(turns.heardUntilMs(), now());
});
