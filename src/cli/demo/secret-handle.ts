import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Puts a secret into a file that has no name any more, so that not even SIGKILL can leave it
 * behind. A child that inherits the handle as its descriptor N reads it as `/dev/fd/N`.
 * @param text - the file's content
 * @returns the handle, for the caller to close
 */
export async function openSecret(text: string): Promise<FileHandle> {
  const directory = await mkdtemp(join(tmpdir(), 'turnpike-demo-'));
  try {
    const path = join(directory, 'secret');
    await writeFile(path, text, { mode: 0o600 });
    return await open(path, 'r');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
