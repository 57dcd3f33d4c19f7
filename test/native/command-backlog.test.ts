import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { CommandBacklog } from '../../src/native/command-backlog.js';
import { Status } from '../../src/native/interface.js';

/** A backlog in front of a queue that a test can fill. */
function scene() {
  const backlog = new CommandBacklog();
  const queue: string[] = [];
  const state = { full: false, laidOut: '' };
  /** @param what - the command; its first letter is its entry */
  const give = (what: string) =>
    backlog.give({
      call: 'call',
      encode: () => {
        if (what === 'bad') throw new TypeError('bad');
        state.laidOut = what;
      },
      entry: () => state.laidOut.charAt(0),
      queue: () => {
        if (state.full) return Status.QueueFull;
        queue.push(state.laidOut);
        return Status.Ok;
      },
    });
  return { backlog, queue, state, give };
}

t.test('commands about one entry wait in order until the queue has room', async (t) => {
  const { backlog, queue, state, give } = scene();
  give('a1');
  state.full = true;
  for (const what of ['b1', 'c1']) give(what);
  t.notOk(backlog.empty);
  t.ok(backlog.has('b') && backlog.has('c'));
  t.notOk(backlog.has('a'));
  state.full = false;
  for (const what of ['b2', 'a2', 'c2']) give(what);
  t.same(queue, ['a1', 'a2'], 'commands about other entries overtake waiting ones');
  while (!backlog.empty) await sleep(1);
  t.same(queue, ['a1', 'a2', 'b1', 'c1', 'b2', 'c2']);
  t.notOk(backlog.has('b'));
  give('b3');
  t.equal(queue.at(-1), 'b3');
});

t.test('retry queues waiting commands if there is room; clear drops them', (t) => {
  const { backlog, queue, state, give } = scene();
  state.full = true;
  for (const what of ['a', 'b']) give(what);
  backlog.retry();
  t.same(queue, []);
  state.full = false;
  backlog.retry();
  t.same(queue, ['a', 'b']);
  state.full = true;
  give('c');
  backlog.clear();
  t.ok(backlog.empty);
  t.notOk(backlog.has('c'));
  t.end();
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

t.test("a full queue of one worker holds up no command for another's", (t) => {
  const backlog = new CommandBacklog();
  const full = new Set([0, 1]);
  const queued: string[] = [];
  const give = (entry: string, worker?: number) =>
    backlog.give({
      call: 'call',
      entry: () => entry,
      ...(worker !== undefined && { worker }),
      queue: () => {
        if (worker === undefined ? full.size > 0 : full.has(worker)) return Status.QueueFull;
        queued.push(entry);
        return Status.Ok;
      },
    });
  give('a of 0', 0);
  give('b of all');
  give('c of 1', 1);
  give('d of 1', 1);
  full.delete(1);
  backlog.retry();
  t.same(queued, ['c of 1', 'd of 1']);
  t.ok(backlog.has('a of 0') && backlog.has('b of all'));
  full.delete(0);
  backlog.retry();
  t.same(queued.slice(2).sort(), ['a of 0', 'b of all']);
  t.ok(backlog.empty);
  t.end();
});
