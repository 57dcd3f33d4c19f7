import { fileURLToPath } from 'node:url';
import t from 'tap';
import { labSupport } from '../../../src/lab/index.js';
import { closeAfter, setPatience } from '../../lab/keep-on-failure.js';
import { TestLab } from '../../lab/test-lab.js';
import { type FilterResult, spellings } from './spellings.js';

setPatience(t, 180_000);

const PROGRAM = fileURLToPath(new URL('./programs/filter.ts', import.meta.url));

const support = labSupport();

/** Ranges of which no host has an address. */
const NOBODY = /unspecified|multicast|broadcast/;

t.test(
  'CVE-2020-26262, CVE-2026-27624, CVE-2026-53450: 403 for every refused range, in every spelling',
  { skip: support.ok ? false : support.why },
  async (t) => {
    const lab = new TestLab();
    closeAfter(t, lab);
    const host = lab.host('turn');
    await lab.up();
    const running = lab.spawn(host, [process.execPath, '--import', 'tsx', PROGRAM]);
    let output = '';
    running.child.stdout?.on('data', (chunk: Buffer) => {
      output += String(chunk);
    });
    t.strictSame(await running.ended, { code: 0, signal: null });
    const { answers, reached, reachable } = JSON.parse(output) as FilterResult;
    t.strictSame(answers, [], 'CreatePermission, alone and among others, and ChannelBind');
    t.strictSame(reached, ['settled'], 'by Send indications and ChannelData');
    const missed = spellings().filter(({ ip, range }) => {
      return !NOBODY.test(range) && !reachable.includes(ip);
    });
    t.strictSame(missed, [], 'where they are allowed, datagrams arrive, so the listener is there');
  },
);
