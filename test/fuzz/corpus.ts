import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'corpus');

function fileOf(target: string): string {
  return join(FOLDER, `${target}.txt`);
}

/** Reads the corpus of a target: an input in hexadecimal digits per line, `-` for no bytes. */
export function readCorpus(target: string): Uint8Array[] {
  const file = fileOf(target);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line === '-' ? '' : line, 'hex'));
}

/** Writes a corpus, without duplicates and sorted by length, so that the file is deterministic. */
export function writeCorpus(target: string, inputs: readonly Uint8Array[]): void {
  const lines = new Set(inputs.map((input) => Buffer.from(input).toString('hex') || '-'));
  const sorted = [...lines].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(target), `${sorted.join('\n')}\n`);
}
