import t from 'tap';
import { readSource, sourceFiles } from './source-files.js';

t.test(
  'native/sources.json lists every C++ file, so that none is left out of a build',
  async (t) => {
    const lists: Record<string, string[]> = JSON.parse(readSource('native/sources.json').text);
    const listed = Object.values(lists).flat();
    const written = sourceFiles(['native', 'test/native'], ['.cc']).map(({ path }) => path);
    t.strictSame(listed.filter((path) => path.endsWith('.cc')).sort(), written);
    t.ok(written.length > 50, 'the files are found');
  },
);
