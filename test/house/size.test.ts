import t from 'tap';
import { type FunctionSpan, nativeFunctions, typescriptFunctions } from './functions.js';
import { type SourceFile, sourceFiles } from './source-files.js';

const FILE_LINES_TYPICAL = 300;
const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
const LINE_COLUMNS_MAX = 100;

t.setTimeout(300_000);

const FOLDERS = ['src', 'native', 'test', 'bench'];
const typescript = sourceFiles(FOLDERS, ['.ts']);
const native = sourceFiles(FOLDERS, ['.cc', '.c', '.h']);
const scripts = sourceFiles(['native', 'test', 'bench'], ['.cjs', '.mjs', '.js']);
const all = [...typescript, ...native, ...scripts];

function longFunctions(file: SourceFile, list: (file: SourceFile) => FunctionSpan[]): string[] {
  return list(file)
    .filter((span) => span.lines > FUNCTION_LINES_MAX)
    .map((span) => `${file.path}:${span.line} ${span.name} has ${span.lines} lines`);
}

function wideLines(file: SourceFile): string[] {
  return file.lines.flatMap((text, index) =>
    [...text].length > LINE_COLUMNS_MAX ? [`${file.path}:${index + 1}`] : [],
  );
}

t.test(`no file is over ${FILE_LINES_MAX} lines`, async (t) => {
  const size = (file: SourceFile) => `${file.path} has ${file.lines.length} lines`;
  const long = all.filter((file) => file.lines.length > FILE_LINES_TYPICAL);
  for (const file of long) {
    t.comment(`over ${FILE_LINES_TYPICAL}: ${size(file)}`);
  }
  t.strictSame(long.filter((file) => file.lines.length > FILE_LINES_MAX).map(size), []);
});

t.test(`no function is over ${FUNCTION_LINES_MAX} lines`, async (t) => {
  const long = (files: readonly SourceFile[], list: (file: SourceFile) => FunctionSpan[]) =>
    files
      .filter((file) => file.lines.length > FUNCTION_LINES_MAX)
      .flatMap((file) => longFunctions(file, list));
  t.strictSame(long([...typescript, ...scripts], typescriptFunctions), []);
  t.strictSame(long(native, nativeFunctions), []);
});

t.test(`no line is over ${LINE_COLUMNS_MAX} columns`, async (t) => {
  t.strictSame(all.flatMap(wideLines), []);
});

t.test('nativeFunctions finds exactly the functions of a C++ file', async (t) => {
  const text = [
    'namespace turnpike {',
    'struct Entry {',
    '  int Count() const { return count_; }',
    '  int count_ = 0;',
    '};',
    'TP_INLINE const int &Last(void) {',
    '  const auto last = [](int a) {',
    '    return a;',
    '  };',
    '  return last(1);',
    '}',
    'static int Add(int a,',
    '               int b) {',
    '  if (a > b) {  // a } in a comment',
    '    return Call("}");',
    '  }',
    '  return a + b;',
    '}',
    '}  // namespace turnpike',
  ].join('\n');
  t.strictSame(nativeFunctions({ path: 'a.cc', text, lines: text.split('\n') }), [
    { name: 'Count', line: 3, lines: 1 },
    { name: 'Last', line: 6, lines: 6 },
    { name: 'Add', line: 12, lines: 7 },
  ]);
});
