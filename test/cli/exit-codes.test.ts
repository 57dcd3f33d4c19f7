import { readFileSync } from 'node:fs';
import t from 'tap';
import { EXIT_BY_ERROR, exitCodeOf } from '../../src/cli/exit-codes.js';
import { TurnpikeError } from '../../src/errors.js';

t.test('docs/errors.md lists the errors of each exit code', async (t) => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const [, table = ''] = page.split('## Exit codes');
  const listed = [...table.matchAll(/^\| (\d) \| (.+) \|$/gm)].flatMap(([, code, errors = '']) =>
    errors.split(', ').map((error) => [error.replaceAll('`', ''), Number(code)]),
  );
  t.strictSame(listed.sort(), Object.entries(EXIT_BY_ERROR).sort());
});

t.test('an error gives the exit code of its code or HTTP status', async (t) => {
  const error = (status: number) => new TurnpikeError('ERR_TURNPIKE_DIRECTORY', 'no', { status });
  t.equal(exitCodeOf(error(401)), 4);
  t.equal(exitCodeOf(error(403)), 4);
  t.equal(exitCodeOf(error(500)), 1);
  t.equal(exitCodeOf(new TurnpikeError('ERR_TURNPIKE_TIMEOUT', 'late')), 3);
  t.equal(exitCodeOf(new TypeError('a bug')), 1);
});
