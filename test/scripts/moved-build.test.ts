import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { emptyMovedBuild } from '../setup/cpp-tests.js';
import { findCommand } from '../setup/system-packages.js';

const cmake = findCommand('cmake');

t.test(
  'emptyMovedBuild makes a build folder usable in a copied checkout',
  {
    skip: cmake === undefined && 'needs cmake',
  },
  async (t) => {
    const scratch = t.testdir();
    const clone = join(scratch, 'clone');
    const copy = join(scratch, 'copy');
    mkdirSync(clone);
    const lists = 'cmake_minimum_required(VERSION 3.16)\nproject(sample NONE)\n';
    writeFileSync(join(clone, 'CMakeLists.txt'), lists);
    const configure = (source: string) => {
      const build = join(source, 'build');
      emptyMovedBuild(build, source);
      const args = ['-S', source, '-B', build];
      execFileSync(cmake ?? 'cmake', args, { stdio: 'pipe' });
    };
    configure(clone);
    writeFileSync(join(clone, 'build', 'kept'), '');
    configure(clone);
    t.ok(existsSync(join(clone, 'build', 'kept')), 'not emptied in its own checkout');

    writeFileSync(join(clone, 'build', 'lock'), '');
    cpSync(clone, copy, { recursive: true });
    t.doesNotThrow(() => configure(copy), 'configures the copy');
    t.notOk(existsSync(join(copy, 'build', 'kept')));
    t.ok(existsSync(join(copy, 'build', 'lock')), 'the lock is kept');
    t.ok(existsSync(join(clone, 'build', 'kept')), 'the original is not changed');
  },
);
