import t from 'tap';
import ts from 'typescript';
import { type SourceFile, sourceFiles } from './source-files.js';

/** Members of a test that assert nothing. */
const NO_ASSERTION: ReadonlySet<string> = new Set([
  ...['test', 'teardown', 'before', 'after', 'comment', 'setTimeout', 'plan', 'end'],
  ...['testdir', 'testdirName', 'passing', 'skip', 'todo'],
]);

type Callback = ts.ArrowFunction | ts.FunctionExpression;

/** Returns the function of a call of `t.test`; undefined for another node. */
function testOf(node: ts.Node): Callback | undefined {
  if (!ts.isCallExpression(node) || !/^\w+\.test$/.test(node.expression.getText()))
    return undefined;
  const last = node.arguments.at(-1);
  const isTest = node.arguments.length >= 2 && last !== undefined;
  return isTest && (ts.isArrowFunction(last) || ts.isFunctionExpression(last)) ? last : undefined;
}

/** Returns whether a node asserts by the test of that name, or passes it to a function. */
function asserts(node: ts.Node, test: string): boolean {
  if (testOf(node) !== undefined) return true;
  if (ts.isPropertyAccessExpression(node) && node.expression.getText() === test) {
    return !NO_ASSERTION.has(node.name.text);
  }
  const isHandedOn =
    ts.isCallExpression(node) && node.arguments.some((each) => each.getText() === test);
  return isHandedOn || ts.forEachChild(node, (child) => asserts(child, test)) === true;
}

/** Returns the places of tests that reach no assertion. */
function silentTests({ path, text }: SourceFile): string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const look = (node: ts.Node): void => {
    const test = testOf(node);
    const parameter = test?.parameters[0]?.name.getText();
    if (test !== undefined && (parameter === undefined || !asserts(test.body, parameter))) {
      found.push(`${path}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`);
    }
    ts.forEachChild(node, look);
  };
  look(file);
  return found;
}

t.test('every test in TypeScript reaches an assertion', async (t) => {
  const files = sourceFiles(['test'], ['.ts']).filter(({ path }) => path.endsWith('.test.ts'));
  t.ok(files.length > 100);
  t.strictSame(files.flatMap(silentTests), []);
});

t.test('the check finds a test without an assertion', async (t) => {
  const seen = (body: string) =>
    silentTests({ path: 'x', text: `t.test('name', ${body});`, lines: [] }).length;
  t.equal(seen('async () => { await act(); }'), 1);
  t.equal(seen('async (t) => { t.teardown(() => act()); }'), 1);
  t.equal(seen('async (t) => { t.equal(act(), 1); }'), 0);
  t.equal(seen('async (t) => { await holds(t, act); }'), 0);
  t.equal(seen("async (t) => { t.test('inner', async () => { await act(); }); }"), 1);
});

/** Macros of GoogleTest that can fail a test, and helpers that use them. */
const EXPECTATION = /\b(EXPECT|ASSERT)_|\bADD_FAILURE|Expect\w*\(|EXPECT/;

t.test('every test in C++ reaches an expectation', async (t) => {
  const files = sourceFiles(['test/native'], ['.cc']);
  const tests = files.flatMap(({ path, text }) =>
    [...text.matchAll(/^TEST\((\w+, \w+)\) \{\n([\s\S]*?)^\}/gm)].map(
      ([, name = '', body = '']) => ({ name: `${path} ${name}`, body }),
    ),
  );
  t.ok(tests.length > 150);
  const silent = tests.filter(({ body }) => !EXPECTATION.test(body)).map(({ name }) => name);
  t.strictSame(silent, []);
});
