import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { CommandBacklog } from '../../src/native/command-backlog.js';
import { Status } from '../../src/native/interface.js';

/** A backlog in front of a queue that a test can fill. */
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

t.test('commands wait in order until the queue has room', async (t) => {
  const { backlog, queue, state, give } = scene();
  give('a');
  state.full = true;
  for (const what of ['b', 'c']) give(what);
  t.notOk(backlog.empty);
  state.full = false;
  give('d');
  t.same(queue, ['a'], 'no command overtakes waiting ones');
  while (!backlog.empty) await sleep(1);
  t.same(queue, ['a', 'b', 'c', 'd']);
});

t.test('a command that cannot be encoded throws at once and does not block others', async (t) => {
  const { backlog, queue, state, give } = scene();
  t.throws(() => give('bad'), TypeError);
  state.full = true;
  give('a');
  t.throws(() => give('bad'), TypeError, 'also while others wait');
  give('b');
  state.full = false;
  while (!backlog.empty) await sleep(1);
  t.same(queue, ['a', 'b']);
});
