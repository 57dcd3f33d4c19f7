import { PassThrough } from 'node:stream';
import t from 'tap';
import { openLog } from '../../src/cli/log.js';

t.test('on a terminal each log line is one line, and shows members that matter', async (t) => {
  const stderr = Object.assign(new PassThrough(), { isTTY: true });
  const { logger, close } = await openLog('info', stderr as unknown as NodeJS.WriteStream);
  logger.info('a first line');
  logger.info({ event: 'listening', urls: ['turn:192.0.2.1'] }, 'a server');
  logger.warn({ event: 'md5-only', users: 1 }, 'a warning');
  const ended = { event: 'allocation-ended', username: 'a\u001b[2J', bytesFromClient: 7 };
  logger.info(ended, 'an allocation has ended');
  logger.info({ event: 'leg-ended', role: 'first' }, 'a leg has ended');
  logger.info({ event: 'stopped' }, 'stopped');
  await close();
  const lines = String(stderr.read()).replaceAll(/^\[\d\d:\d\d:\d\d\] /gm, '');
  t.strictSame(lines.split('\n'), [
    'INFO: a first line',
    'INFO: a server',
    'WARN: a warning {"users":1}',
    'INFO: an allocation has ended {"username":"a\\u001b[2J","bytesFromClient":7}',
    'INFO: a leg has ended {"role":"first"}',
    'INFO: stopped',
    '',
  ]);
});
