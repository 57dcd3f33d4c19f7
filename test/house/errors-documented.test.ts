import t from 'tap';
import { readSource } from './source-files.js';

const codes = (text: string) => [...new Set(text.match(/\bERR_TURNPIKE_[A-Z_]+/g))].sort();

t.test('docs/errors.md explains every error code and no other', async (t) => {
  t.strictSame(codes(readSource('docs/errors.md').text), codes(readSource('src/errors.ts').text));
});
