/**
 * Logs a number of lines, given as its first argument and by each line of input; writes each number
 * to standard output when it is done. Ends with 0 on SIGTERM. The second argument is a named pipe,
 * whose open blocks a thread of the pool.
 */
import { open } from 'node:fs';
import { exitProcess } from '../../../src/cli/exit.js';
import { openLog } from '../../../src/cli/log.js';
import { aborted, trapSignals } from '../../../src/cli/signals.js';

const { logger, close } = await openLog('info', process.stderr);
const trap = trapSignals((code) => void exitProcess(code));

function say(lines: number): void {
  for (let line = 0; line < lines; line++)
    logger.info({ line }, 'a line of a busy service'.repeat(4));
  process.stdout.write(`${lines}\n`);
}

const [, , lines, pipe] = process.argv;
if (pipe !== undefined) open(pipe, 'r', () => {});
say(Number(lines));
process.stdin.on('data', (text) => say(Number(text)));
await aborted(trap.stop);
logger.info({ event: 'stopped' }, 'stopped');
await close();
await exitProcess(0);
