import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { RELOAD_WATCH_MS } from '../../../src/cli/reload/watched-file.js';
import { WatchedTlsFiles } from '../../../src/cli/reload/watched-tls-files.js';
import { readTlsPair, type TlsPair } from '../../../src/files/tls-pair.js';
import { makePem, type Pem } from './pem.js';

const [first, second] = [makePem('first', 400), makePem('second', 400)];

class Clock {
  ms = 0;
  readonly start = Date.now();
  now = () => this.start + this.ms;
  monotonic = () => this.ms;
}

async function scene(t: Test, pem: Pem = first, refuses = false) {
  const folder = t.testdir();
  const paths = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  const write = ({ cert, key }: Partial<Pem>) => {
    if (cert !== undefined) writeFileSync(paths.cert, cert);
    if (key !== undefined) writeFileSync(paths.key, key);
  };
  write(pem);
  const log: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(JSON.parse(line)) });
  const clock = new Clock();
  const taken: TlsPair[] = [];
  const take = (next: TlsPair) => {
    if (refuses) throw new Error('no');
    taken.push(next);
  };
  const files = new WatchedTlsFiles(paths, await readTlsPair(paths), { take, clock, logger });
  const look = async (passedMs: number = RELOAD_WATCH_MS) => {
    clock.ms += passedMs;
    await files.check();
  };
  const ask = (asked = paths) => files.check(asked);
  return { folder, paths, write, log, clock, files, taken, look, ask };
}

t.test('a renewed pair is applied once', async (t) => {
  const { write, look, taken, log } = await scene(t);
  await look();
  t.equal(taken.length, 0);
  write(second);
  await look();
  await look();
  t.match(taken, [second]);
  t.match(log, [{ event: 'reload', item: 'tls', result: 'changed' }]);
});

t.test('certificate and key that change one after the other are applied together', async (t) => {
  for (const order of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    const { write, look, taken, log } = await scene(t);
    for (const part of order) {
      write({ [part]: second[part] });
      await look();
    }
    t.match(taken, [second], order.join(' then '));
    t.equal(log.length, 1, 'the state between is not logged');
  }
});

t.test('files that are replaced by a rename or a symbolic link are applied', async (t) => {
  const { folder, paths, look, taken } = await scene(t);
  writeFileSync(`${paths.cert}.new`, second.cert);
  writeFileSync(`${paths.key}.new`, second.key);
  for (const path of [paths.cert, paths.key]) renameSync(`${path}.new`, path);
  await look();
  t.match(taken, [second], 'as certbot does');
  for (const [name, pem] of [
    ['..1', second],
    ['..2', first],
  ] as const) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'tls.crt'), pem.cert);
    writeFileSync(join(folder, name, 'tls.key'), pem.key);
  }
  symlinkSync('..1', join(folder, '..data'));
  for (const name of ['tls.crt', 'tls.key']) {
    rmSync(join(folder, name));
    symlinkSync(join('..data', name), join(folder, name));
  }
  await look();
  t.equal(taken.length, 1);
  symlinkSync('..2', join(folder, '..tmp'));
  renameSync(join(folder, '..tmp'), join(folder, '..data'));
  await look();
  t.match(taken, [second, first], 'as Kubernetes does');
});

t.test('an invalid pair is not applied, and is logged once if it lasts', async (t) => {
  const expired = makePem('expired', -1);
  const wrongs: [string, Partial<Pem>, RegExp][] = [
    ['half a certificate', { cert: second.cert.slice(0, 300), key: second.key }, /no certificate/],
    ['half a key', { cert: second.cert, key: second.key.slice(0, 60) }, /not the key of/],
    ["another one's key", { cert: second.cert }, /not the key of/],
    ['no PEM', { cert: 'x' }, /no PEM text/],
    ['empty', { cert: '', key: '' }, /no PEM text/],
    ['expired', expired, /has expired/],
  ];
  for (const [what, pem, reason] of wrongs) {
    const { write, look, taken, log, ask, files } = await scene(t);
    write(pem);
    await look();
    t.equal(log.length, 0, `${what}: the write may not be finished`);
    for (let n = 0; n < 20; n += 1) await look();
    t.equal(log.length, 1, what);
    t.match(log[0], { event: 'reload', item: 'tls', result: 'kept', reason });
    await ask();
    t.match(log[1], { result: 'kept', reason }, 'logged again on request');
    t.equal(taken.length, 0);
    t.match(files.pair, first);
    write(second);
    await look();
    t.match(taken, [second], 'a valid pair after it');
  }
});

t.test('a missing file is logged, and its return without a change is not applied', async (t) => {
  const { paths, write, look, taken, log } = await scene(t);
  rmSync(paths.key);
  for (let n = 0; n < 10; n += 1) await look();
  t.match(log, [{ result: 'kept', reason: /there is no such file \(ENOENT\)/ }]);
  write(first);
  await look();
  t.equal(taken.length, 0, 'it is the pair in use');
});

t.test('a pair that the server refuses is not applied', async (t) => {
  const { files, write, ask, log } = await scene(t, first, true);
  write(second);
  await ask();
  t.match(log, [{ result: 'kept', reason: 'no' }]);
  t.match(files.pair, first);
});

t.test('a check on request is always logged and may name other files', async (t) => {
  const { folder, ask, look, log, taken } = await scene(t);
  await ask();
  t.match(log, [{ item: 'tls', result: 'unchanged' }]);
  const other = { cert: join(folder, 'other.crt'), key: join(folder, 'other.key') };
  writeFileSync(other.cert, second.cert);
  writeFileSync(other.key, second.key);
  await ask(other);
  t.match(taken, [second]);
  await look();
  t.equal(taken.length, 1, 'the new files are watched');
});

t.test('expiry is logged once a day, as certificate-expired after it', async (t) => {
  const { log, look } = await scene(t, makePem('short', 2));
  const day = 86_400_000;
  t.match(log, [{ event: 'certificate-expires', level: 40, days: 1 }]);
  for (let hours = 0; hours < 23; hours += 1) await look(day / 24);
  t.equal(log.length, 1);
  for (let hours = 0; hours < 72; hours += 1) await look(day / 24);
  t.match(
    log.map(({ event }) => event),
    ['certificate-expires', 'certificate-expires', 'certificate-expired', 'certificate-expired'],
  );
});

t.test('invalid files at the start are an error that names them', async (t) => {
  const folder = t.testdir({ cert: first.cert, key: second.key });
  const paths = { cert: join(folder, 'cert'), key: join(folder, 'key') };
  const code = 'ERR_TURNPIKE_CONFIG';
  await t.rejects(readTlsPair(paths), { code, message: /key: not the key/ });
  await t.rejects(readTlsPair({ ...paths, cert: 'none' }), {
    code,
    message: 'TLS file none: there is no such file (ENOENT)',
  });
});
