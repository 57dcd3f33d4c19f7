import { join } from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { documents, ROOT, type SourceFile } from './source-files.js';

// The compiler reads the sources of the package.
t.setTimeout(180_000);

/** What programs of the documents use that is the reader's own, or from an earlier program. */
const GIVEN = `
  declare module 'ioredis';
  declare module 'pg';
  declare const apiKey: string;
  declare const directoryUrl: string;
  declare const plane: import('turnpike/data-plane').OpenDataPlane;
  declare const room: string;
  declare const tenantSecret: Uint8Array;
  declare const tuple: import('turnpike/data-plane').FiveTuple;
  declare const worker: number;
`;
const GIVEN_FILE = join(ROOT, 'docs', 'given.d.ts');

/** Plain JavaScript does not say the types of parameters, nor that a list has an item. */
const OPTIONS: ts.CompilerOptions = {
  ...{ strict: true, noImplicitAny: false, skipLibCheck: true, noEmit: true },
  ...{ allowJs: true, checkJs: true, types: ['node'], lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'] },
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  paths: {
    turnpike: [join(ROOT, 'src/index.ts')],
    'turnpike/data-plane': [join(ROOT, 'src/native/index.ts')],
  },
};

/** A program of a document. */
interface DocProgram {
  /** Where the compiler finds it; others import it by the name in its first comment. */
  readonly file: string;
  /** Each line is the same one as in the document. */
  readonly source: string;
  readonly document: string;
}

function programsOf({ path, text }: SourceFile): DocProgram[] {
  return [...text.matchAll(/^```(js|ts)\n([\s\S]*?)^```$/gm)].map((found) => {
    const [, language = '', source = ''] = found;
    const line = text.slice(0, found.index).split('\n').length;
    const [, named] = /^\/\/ (\S+\.mjs)\n/.exec(source) ?? [];
    const name = named ?? `${path.replace(/\W/g, '-')}-${line}.${language}`;
    const padded = `${'\n'.repeat(line)}${source}`;
    return { file: join(ROOT, 'docs', name), source: padded, document: path };
  });
}

/** Returns a host of the compiler that has some files besides those of the disk. */
function hostWith(files: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS);
  return {
    ...host,
    fileExists: (path) => files.has(path) || host.fileExists(path),
    readFile: (path) => files.get(path) ?? host.readFile(path),
    getSourceFile: (path, ...more) => {
      const text = files.get(path);
      const [version] = more;
      if (text === undefined) return host.getSourceFile(path, ...more);
      return ts.createSourceFile(path, text, version);
    },
  };
}

function faultText(document: string, { file, start = 0, messageText }: ts.Diagnostic): string {
  const { line = 0 } = file?.getLineAndCharacterOfPosition(start) ?? {};
  return `${document}:${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
}

/** Returns what the compiler finds wrong with programs. */
function faultsOf(programs: readonly DocProgram[]): string[] {
  const files = new Map(programs.map(({ file, source }) => [file, source]));
  files.set(GIVEN_FILE, GIVEN);
  const compiler = ts.createProgram([...files.keys()], OPTIONS, hostWith(files));
  return programs.flatMap(({ file, document }) => {
    const source = compiler.getSourceFile(file);
    if (source === undefined) throw new Error(`${file} is not compiled`);
    const faults = [
      ...compiler.getSyntacticDiagnostics(source),
      ...compiler.getSemanticDiagnostics(source),
    ];
    return faults.map((fault) => faultText(document, fault));
  });
}

t.test('programs of documents fit the types of the package', async (t) => {
  const programs = documents().flatMap(programsOf);
  t.ok(programs.length > 10, `${programs.length} programs`);
  const wrong = [
    "import { TurnServer } from 'turnpike';",
    'await TurnServer.open({ user: 1 });',
    'plane.no();',
  ];
  const text = `# A page\n\n\`\`\`js\n${wrong.join('\n')}\n\`\`\`\n`;
  const bad = programsOf({ path: 'bad.md', text, lines: text.split('\n') });
  const faults = faultsOf([...programs, ...bad]);
  const ofBad = faults.filter((fault) => fault.startsWith('bad.md:'));
  t.match(ofBad, [/^bad\.md:5: .*'user' does not exist/, /^bad\.md:6: .*'no' does not exist/]);
  t.strictSame(
    faults.filter((fault) => !ofBad.includes(fault)),
    [],
  );
});
