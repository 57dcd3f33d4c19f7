import { dirname, join } from 'node:path';
import t from 'tap';
import { type SourceFile, sourceFiles } from './source-files.js';

/**
 * Layers from the top down. A file imports only from its own folder and from layers below. Folders
 * of one layer do not import each other; where `mutual` is set, they may without a cycle.
 */
const TYPESCRIPT_LAYERS: readonly { folders: readonly string[]; mutual?: boolean }[] = [
  { folders: ['cli'] },
  { folders: ['index.ts'] },
  { folders: ['udp-tunnel'] },
  { folders: ['directory', 'relay', 'client', 'stream', 'lab'] },
  { folders: ['selection'] },
  { folders: ['estimates'] },
  { folders: ['turn-server'] },
  { folders: ['overlay', 'turn'] },
  { folders: ['stun-server'] },
  { folders: ['registry', 'trunk', 'auth', 'stun', 'native', 'http'], mutual: true },
  { folders: ['options'] },
  {
    folders: [
      'address.ts',
      'clock.ts',
      'collections',
      'describe-value.ts',
      'errno-advice.ts',
      'errors.ts',
      'files',
      'logging',
      'metrics',
      'names.ts',
      'random-pool.ts',
      'random.ts',
      'secret-bytes.ts',
      'round-trip.ts',
      'version.ts',
    ],
    mutual: true,
  },
];

/** native/ from the top down, as ARCHITECTURE.md draws it. */
const NATIVE_LAYERS: readonly (readonly string[])[] = [
  ['addon.cc'],
  ['binding'],
  ['xdp'],
  ['io'],
  ['steering'],
  ['forward'],
  ['table'],
  ['wire'],
  ['base'],
];

interface Edge {
  readonly from: string;
  readonly to: string;
  /** The folders, or root files, that the two belong to. */
  readonly fromPart: string;
  readonly toPart: string;
}

function partOf(path: string): string {
  return path.split('/')[1] ?? path;
}

function edge(from: string, to: string): Edge {
  return { from, to, fromPart: partOf(from), toPart: partOf(to) };
}

function typescriptEdges(file: SourceFile): Edge[] {
  const specifiers = file.text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']*)'/g);
  return [...specifiers].map(([, specifier = '']) =>
    edge(file.path, join(dirname(file.path), specifier.replace(/\.js$/, '.ts'))),
  );
}

function includes(file: SourceFile): string[] {
  return [...file.text.matchAll(/^\s*#\s*include\s*["<]([^">]+)[">]/gm)].map(
    ([, path = '']) => path,
  );
}

/** Returns a file's includes of the project, which are relative to native/ or to the file. */
function nativeEdges(file: SourceFile, known: ReadonlySet<string>): Edge[] {
  return includes(file)
    .flatMap((path) => [join('native', path), join(dirname(file.path), path)])
    .filter((path) => known.has(path))
    .map((path) => edge(file.path, path));
}

function goesUp(one: Edge): boolean {
  const rank = (part: string) =>
    TYPESCRIPT_LAYERS.findIndex(({ folders }) => folders.includes(part));
  const [from, to] = [rank(one.fromPart), rank(one.toPart)];
  const mutual = TYPESCRIPT_LAYERS[from]?.mutual === true;
  return from < 0 || to < 0 || to < from || (to === from && !mutual);
}

/** Returns the parts that import themselves through others. */
function cycles(edges: readonly Edge[]): string[] {
  const reaches = (from: string, wanted: string, seen: Set<string>): boolean =>
    edges.some((one) => {
      if (one.fromPart !== from || seen.has(one.toPart)) {
        return false;
      }
      seen.add(one.toPart);
      return one.toPart === wanted || reaches(one.toPart, wanted, seen);
    });
  return [...new Set(edges.map((one) => one.fromPart))].filter((part) =>
    reaches(part, part, new Set()),
  );
}

const show = (one: Edge) => `${one.from} imports ${one.to}`;

t.test('TypeScript imports go one way', async (t) => {
  const edges = sourceFiles(['src'], ['.ts'])
    .flatMap(typescriptEdges)
    .filter((one) => one.fromPart !== one.toPart);
  t.strictSame(edges.filter(goesUp).map(show), []);
  t.strictSame(cycles(edges), []);
});

t.test('src imports nothing from tests or benchmarks', async (t) => {
  const out = sourceFiles(['src'], ['.ts'])
    .flatMap(typescriptEdges)
    .filter((one) => !one.to.startsWith('src/'));
  t.strictSame(out.map(show), []);
});

t.test('native includes go one way', async (t) => {
  const files = sourceFiles(['native'], ['.cc', '.c', '.h']);
  const known = new Set(files.map((file) => file.path));
  const rank = (part: string) => NATIVE_LAYERS.findIndex((parts) => parts.includes(part));
  const up = files
    .flatMap((file) => nativeEdges(file, known))
    .filter((one) => rank(one.fromPart) >= 0 && one.fromPart !== one.toPart)
    .filter((one) => rank(one.toPart) <= rank(one.fromPart));
  t.strictSame(up.map(show), []);
});

t.test('only native/binding and addon.cc include Node’s headers', async (t) => {
  const users = sourceFiles(['native'], ['.cc', '.c', '.h'])
    .filter((file) => includes(file).some((path) => /^(napi|node_api|node|uv|v8)\b/.test(path)))
    .filter((file) => !['binding', 'addon.cc'].includes(partOf(file.path)));
  t.strictSame(
    users.map((file) => file.path),
    [],
  );
});
