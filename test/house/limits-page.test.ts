import t from 'tap';
import { LIMITS_COMMAND, LIMITS_PAGE, limitsPage } from './limits-page.js';
import { readSource } from './source-files.js';

t.setTimeout(300_000);

t.test(`${LIMITS_PAGE} lists every bound with its value and comment`, async (t) => {
  const { text } = readSource(LIMITS_PAGE);
  t.equal(text, await limitsPage(), `run: ${LIMITS_COMMAND}`);
  const bare = text.split('\n').filter((line) => / \| +\|$/.test(line));
  t.strictSame(bare, [], 'every bound has a comment');
});
