import t from 'tap';
import { LIMITS_COMMAND, LIMITS_PAGE, limitsPage } from './limits-page.js';
import { readSource } from './source-files.js';

t.setTimeout(300_000);

t.test(`${LIMITS_PAGE} lists every bound as it stands in the code`, async (t) => {
  const { text } = readSource(LIMITS_PAGE);
  t.equal(text, await limitsPage(), `run: ${LIMITS_COMMAND}`);
  const bare = text.split('\n').filter((line) => / \| +\|$/.test(line));
  t.strictSame(bare, [], 'every bound says what it is');
});
