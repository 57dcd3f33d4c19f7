import t, { type Test } from 'tap';
import { until } from '../until.js';
import { answeringDirectory, clientOf } from './answering-directory.js';

/** Beats of a relay whose directory gives these members with its answers, by their number. */
async function beatsOf(t: Test, members: (answer: number) => object) {
  const { url, beats } = await answeringDirectory(t, members);
  const client = clientOf(url);
  client.start();
  await until(() => beats.length >= 3);
  await client.stop();
  return beats.slice(0, 3).map(({ after }) => after);
}

t.test('a beat names the sequence of the newest answer', async (t) => {
  t.same(await beatsOf(t, (answer) => ({ sequence: 10 * answer })), [10, 20, 30]);
});

t.test('it names none to a directory that gives none', async (t) => {
  t.same(await beatsOf(t, () => ({})), [undefined, undefined, undefined]);
});
