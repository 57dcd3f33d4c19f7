import t from 'tap';
import { MessageQueue } from '../../src/client/message-queue.js';
import { rejectionOf } from './support/until.js';

t.test('each item goes to one waiting iterator', async (t) => {
  const queue = new MessageQueue<number>(2);
  const [first, second] = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()];
  const waiting = [first.next(), second.next()];
  t.equal(queue.push(1), true);
  t.equal(queue.push(2), true);
  t.strictSame(await Promise.all(waiting), [
    { value: 1, done: false },
    { value: 2, done: false },
  ]);
});

t.test('a full queue refuses the newest item', async (t) => {
  const queue = new MessageQueue<number>(2);
  t.strictSame([queue.push(1), queue.push(2), queue.push(3)], [true, true, false]);
  t.strictSame(queue.drain(), [1, 2]);
  t.equal(queue.push(4), true);
});

t.test('an ended queue gives its remaining items and then `done`', async (t) => {
  const queue = new MessageQueue<number>(2);
  queue.push(1);
  queue.end();
  t.equal(queue.push(2), false);
  const items = queue[Symbol.asyncIterator]();
  t.strictSame(await items.next(), { value: 1, done: false });
  t.strictSame(await items.next(), { value: undefined, done: true });
  t.strictSame(await items.next(), { value: undefined, done: true });
});

t.test('an error rejects waiting and later calls of next()', async (t) => {
  const queue = new MessageQueue<number>(2);
  const items = queue[Symbol.asyncIterator]();
  const waiting = rejectionOf(items.next());
  const error = new Error('over');
  queue.end(error);
  queue.end();
  t.equal(await waiting, error);
  t.equal(await rejectionOf(items.next()), error);
});
