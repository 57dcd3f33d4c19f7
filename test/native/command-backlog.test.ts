import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { CommandBacklog } from '../../src/native/command-backlog.js';
import { Status } from '../../src/native/interface.js';

/** A queue that can be full. */
function scene() {
  const backlog = new CommandBacklog();
  const queue: string[] = [];
  const state = { full: false, laidOut: '' };
  const give = (what: string) =>
    backlog.give(
      'call',
      () => {
        if (what === 'bad') throw new TypeError('bad');
        state.laidOut = what;
      },
      () => {
        if (state.full) return Status.QueueFull;
        queue.push(state.laidOut);
        return Status.Ok;
      },
    );
  return { backlog, queue, state, give };
}

t.test('commands wait in order for room', async (t) => {
  const { backlog, queue, state, give } = scene();
  give('a');
  state.full = true;
  for (const what of ['b', 'c']) give(what);
  t.notOk(backlog.empty);
  state.full = false;
  give('d');
  t.same(queue, ['a'], 'none passes those that wait');
  while (!backlog.empty) await sleep(1);
  t.same(queue, ['a', 'b', 'c', 'd']);
});

t.test('what cannot be laid out is refused at once, and holds up nothing', async (t) => {
  const { backlog, queue, state, give } = scene();
  t.throws(() => give('bad'), TypeError);
  state.full = true;
  give('a');
  t.throws(() => give('bad'), TypeError, 'also where others wait');
  give('b');
  state.full = false;
  while (!backlog.empty) await sleep(1);
  t.same(queue, ['a', 'b']);
});
