import t from 'tap';
import { LIMITS } from '../../src/limits.js';
import { readSource } from './source-files.js';

const DEFINITION = /^inline constexpr \w+ k(\w+) = ([^;]+);/gm;

/** `16 * 1024`, `1u << 20` and `65'536` are all that limits are written with. */
function evaluate(expression: string): number {
  const plain = expression.replace(/(?<=\d)(?:'|[uUlL]+\b)/g, '');
  const [, left, operator, right] = /^(\d+)(?:\s*(\*|<<)\s*(\d+))?$/.exec(plain.trim()) ?? [];
  if (operator === undefined) {
    return Number(left);
  }
  return operator === '*' ? Number(left) * Number(right) : Number(left) * 2 ** Number(right);
}

t.test('limits that both sides define are equal', async (t) => {
  const typescript = new Map<string, number>(Object.entries(LIMITS));
  const twins = [...readSource('native/base/limits.h').text.matchAll(DEFINITION)]
    .map(([, name = '', value = '']) => ({
      name: `${name.charAt(0).toLowerCase()}${name.slice(1)}`,
      value,
    }))
    .filter(({ name }) => typescript.has(name));
  t.ok(twins.length > 0, 'the two files name what they share alike');
  for (const { name, value } of twins) {
    t.equal(evaluate(value), typescript.get(name), name);
  }
});
