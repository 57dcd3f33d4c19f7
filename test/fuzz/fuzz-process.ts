/** A process that runs fuzz targets, so that several processors are used. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serve } from '../../bench/setup/rpc.js';
import { readCorpus, writeCorpus } from './corpus.js';
import { fuzz } from './fuzzer.js';
import { TARGETS } from './targets/index.js';

interface FuzzRequest {
  /** The target's name. */
  readonly name: string;
  readonly seconds: number;
  /** Whether to add inputs that reach new code to the corpus. */
  readonly keep: boolean;
  /** Folder for an input that breaks the target. */
  readonly folder: string;
}

interface FuzzAnswer {
  readonly lines: readonly string[];
  readonly isWell: boolean;
}

/** Writes an input that broke a target to a file named after both. @returns its path */
function save(target: string, input: Uint8Array, folder: string): string {
  const file = join(folder, `${target}-${createHash('sha256').update(input).digest('hex')}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, input);
  return file;
}

const methods = {
  run({ name, seconds, keep, folder }: FuzzRequest): FuzzAnswer {
    const target = TARGETS.find((each) => each.name === name);
    if (target === undefined) throw new Error(`no target ${name}`);
    const corpus = readCorpus(name);
    const { runs, found, fault } = fuzz(target, { seconds, random: Math.random, corpus });
    const lines = [`${name}: ${runs} inputs in ${seconds} s, ${found.length} new outcomes`];
    if (fault !== undefined) {
      lines.push(`${name} BROKE: ${fault.error.stack ?? fault.error.message}`);
      lines.push(`the input is in ${save(name, fault.input, folder)}`);
    } else if (keep && found.length > 0) {
      writeCorpus(name, [...corpus, ...found]);
    }
    return { lines, isWell: fault === undefined };
  },
};

export type FuzzMethods = typeof methods;

serve(methods);
