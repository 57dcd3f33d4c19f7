import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { readMatrixFolder } from '../../../bench/simulate/world/matrices/folder.js';
import { matrixForm, parseMatrix } from '../../../bench/simulate/world/matrices/matrix.js';
import { isSiteList, parseSiteList } from '../../../bench/simulate/world/matrices/sites.js';
import { parseTable } from '../../../bench/simulate/world/matrices/table.js';

function matrix(text: string) {
  const table = parseTable('m.tsv', text);
  const form = matrixForm(table);
  if (form === undefined) throw new Error('no matrix');
  return parseMatrix(table, form);
}

const cells = (values: Float32Array) => [...values].map((value) => Math.round(value * 10) / 10);

t.test('a square with a header, by tabs or commas, both directions averaged', async (t) => {
  const expected = [0, 2, 5, 2, 0, 7, 5, 7, 0];
  const tabs = matrix('from\ta\tb\tc\na\t0\t1\t5\nb\t3\t\t7\nc\t-\t7\t\n');
  t.strictSame(cells(tabs.rttMs), expected);
  t.strictSame(tabs.names, ['a', 'b', 'c']);
  const commas = matrix('Source,a,b,c,\na,,1,5,\nb,3,,7,\nc,,7,,\n');
  t.strictSame(cells(commas.rttMs), expected, 'a separator at the end of each line');
});

t.test('a site with a row and no column is measured by one direction', async (t) => {
  const { names, rttMs } = matrix('from,a,b\na,,1\nb,1,\nc,4,6\n');
  t.strictSame(names, ['a', 'b', 'c']);
  t.strictSame(cells(rttMs), [0, 1, 4, 1, 0, 6, 4, 6, 0]);
});

t.test('a list of pairs, with the mean deviation as jitter', async (t) => {
  const text =
    'from\tto\tmin\tavg\tmax\tmdev\na\tb\t1\t2\t9\t0.4\nb\ta\t1\t4\t9\t0.6\na\ta\t1\t1\t1\t0\n';
  const { rttMs, jitterMs, names } = matrix(text);
  t.strictSame(names, ['a', 'b']);
  t.strictSame(cells(rttMs), [0, 3, 3, 0]);
  t.equal(cells(jitterMs)[1], 0.5);
});

t.test('an upper triangle, whose comment names the unit', async (t) => {
  const { rttMs, jitterMs, size, names } = matrix(
    '# upper triangle; min/avg/mdev in tenths of a ms\n10/20/5\t30/40/5\n-\n',
  );
  t.equal(size, 3);
  t.equal(names, undefined);
  t.strictSame(cells(rttMs), [0, 2, 4, 2, 0, NaN, 4, NaN, 0]);
  t.equal(cells(jitterMs)[1], 0.5);
});

t.test('broken matrices name the file, the line and what is wrong', async (t) => {
  const broken: readonly (readonly [text: string, says: RegExp])[] = [
    ['from,a,b\na,,x\nb,1,\n', /^m\.tsv:2: 'x' is no round-trip time in ms/],
    ['from,a,b\na,,-4\nb,1,\n', /^m\.tsv:2: a round-trip time of -4 is negative/],
    ['from,a,b\na,,1\nb,1,,9\n', /^m\.tsv:3: 3 values for 2 columns/],
    ['from,a,b\na,,1\na,1,\n', /^m\.tsv:3: the site 'a' has a row already/],
    ['from,a,a,b\na,,1,2\nb,1,1,\n', /^m\.tsv:1: the header names a site twice/],
    ['from,to,rtt\na,,5\nb,c,1\n', /^m\.tsv:2: a site has no name/],
    ['# upper triangle\n1\t2\n3\t4\n', /^m\.tsv:3: 2 values; row 2 of 3 sites has 1/],
  ];
  for (const [text, says] of broken) t.throws(() => matrix(text), { message: says }, text);
  t.throws(() => parseSiteList(parseTable('s.csv', 'name,lat,lon\na,91,0\n')), {
    message: /^s\.csv:2: '91' is no angle of -90 to 90/,
  });
  t.throws(() => parseSiteList(parseTable('s.csv', 'x,lat,lon\na,1,0\n')), {
    message: /^s\.csv:1: the header has no name/,
  });
});

t.test('other tables are no matrix', async (t) => {
  for (const text of ['', 'a\n', 'country\ttests\tp50\nDE\t5\t20\nFR\t6\t21\n']) {
    t.equal(matrixForm(parseTable('t.tsv', text)), undefined);
  }
  t.ok(isSiteList(parseTable('t.tsv', 'Name\tLat\tLon\n')));
});

/** Returns a matrix of sites at the whole numbers: 10 ms apart. */
function line(count: number, gap?: readonly [number, number]): string {
  const names = Array.from({ length: count }, (_, index) => `s${index}`);
  const rows = names.map((name, a) => {
    const values = names.map((_, b) =>
      gap?.includes(a) && gap.includes(b) ? '' : 10 * Math.abs(a - b),
    );
    return [name, ...values].join(',');
  });
  return [['from', ...names].join(','), ...rows].join('\n');
}

t.test('a folder: sites get their places, gaps drop a site, other files are named', async (t) => {
  const sites = ['name,lat,lon', ...Array.from({ length: 30 }, (_, at) => `s${at},${at},1`)];
  const folder = t.testdir({
    'towns-sites.csv': sites.join('\n'),
    'towns-rtt.csv': line(30, [3, 4]),
    'notes.txt': 'nothing here',
    'README.md': 'not even a table',
  });
  writeFileSync(join(folder, 'zipped.csv.gz'), gzipSync(line(25)));
  const { matrices, ignored } = readMatrixFolder(folder);
  t.strictSame(
    matrices.map(({ title, size, dropped }) => [title, size, dropped]),
    [
      ['towns-rtt', 29, 1],
      ['zipped', 25, 0],
    ],
  );
  t.equal(matrices[0]?.places?.length, 29);
  t.ok(matrices[0]?.rttMs.every((value) => !Number.isNaN(value)));
  t.strictSame(ignored, ['notes.txt']);
});

t.test('a folder without matrices says so', async (t) => {
  t.throws(() => readMatrixFolder(t.testdir({ 'a.csv': 'x' })), { message: /no matrix/ });
  t.throws(() => readMatrixFolder('no-such-folder'), { message: /there is no such folder/ });
  const file = join(t.testdir({ file: '' }), 'file');
  t.throws(() => readMatrixFolder(file), { message: /it is no folder/ });
  const notGzip = t.testdir({ 'm.csv.gz': 'plain' });
  t.throws(() => readMatrixFolder(notGzip), { message: /^m\.csv\.gz: not gzip/ });
});
