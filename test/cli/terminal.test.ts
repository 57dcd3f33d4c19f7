import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Terminal } from '../../src/cli/terminal.js';
import { findCommand } from '../setup/system-packages.js';
import { openSystem } from './loopback-system.js';
import { MAIN_PROGRAM } from './main-program.js';

const PTY = fileURLToPath(new URL('./programs/on-a-terminal.py', import.meta.url));
const ESC = '\u001b';

t.setTimeout(60_000);

function screenOf(rows: number | undefined) {
  let written = '';
  const output = {
    behind: false,
    write: (text: string) => {
      written += text;
    },
  };
  const terminal = new Terminal(output, () => ({ columns: 10, rows }));
  terminal.pin();
  const taken = () => {
    const text = written;
    written = '';
    return text;
  };
  return { terminal, taken };
}

t.test(
  'a pinned status line is on the last row, and the cursor returns to its position',
  async (t) => {
    const { terminal, taken } = screenOf(24);
    terminal.write('before\n');
    t.equal(taken(), 'before\n');
    terminal.status('0123456789abc');
    const apart = `${ESC}D${ESC}[A${ESC}7${ESC}[1;23r${ESC}8`;
    t.equal(taken(), `${apart}${ESC}7${ESC}[24;1H${ESC}[2K012345678${ESC}8`);
    terminal.status('new');
    t.equal(taken(), `${ESC}7${ESC}[24;1H${ESC}[2Knew${ESC}8`);
    terminal.write(`${ESC}[32m0123456789ab${ESC}[39m\n`);
    const line = `${ESC}[32m0123456789ab${ESC}[39m`;
    t.equal(taken(), `${ESC}D${ESC}D${ESC}[2A${ESC}7\r${ESC}[2L${line}${ESC}8${ESC}[2B`);
    terminal.clear();
    t.equal(taken(), `${ESC}7${ESC}[r${ESC}8${ESC}7${ESC}[24;1H${ESC}[2K${ESC}8`);
    terminal.clear();
    t.equal(taken(), '');
  },
);

t.test('nothing is written for the status on a terminal with too few rows', async (t) => {
  for (const rows of [undefined, 0, 3]) {
    const { terminal, taken } = screenOf(rows);
    terminal.status('status');
    terminal.clear();
    t.equal(taken(), '');
  }
});

const skip = findCommand('python3') === undefined ? 'python3 not found' : false;

t.test(
  'typed lines arrive at the other side, and the status is one line that is overwritten',
  { skip },
  async (t) => {
    const system = await openSystem(t);
    await Promise.all([system.openRelay('fra-1'), system.openRelay('nyc-1')]);
    const key = system.secretFile('room');
    const other = system.peer('tty', '--room-key-file', key);
    const argv = [
      'peer',
      ...other.child.spawnargs.slice(other.child.spawnargs.indexOf('peer') + 1),
    ];
    const typing = spawn('python3', [PTY, process.execPath, ...MAIN_PROGRAM, ...argv]);
    t.teardown(() => typing.kill());
    const closed = once(typing, 'close');
    let screen = '';
    typing.stdout.on('data', (data) => {
      screen += data;
    });
    await other.logged({ event: 'connected' });
    const word = randomBytes(8).toString('hex');
    typing.stdin.write(`${word}\n`);
    while (other.outputBytes === 0) await sleep(20);
    while (!screen.includes('rtt ')) await sleep(20);
    typing.stdin.write('\u0004');
    other.child.stdin?.end();
    t.equal(String((await other.ended).stdout), `${word}\n`);
    await closed;
    t.ok(screen.includes(`${ESC}[r`), 'the status line is given back at the end');
    const status = screen.split(`${ESC}[24;1H`).slice(1);
    t.ok(status.length > 0 && status.every((text) => text.startsWith(`${ESC}[2K`)));
    t.notMatch(screen, /\{"/, 'no JSON on a terminal');
  },
);
