import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { isTurnpikeError } from '../../src/errors.js';
import { readRelaySecretFile, readSecretFile } from '../../src/files/secret-file.js';

const SECRET = randomBytes(32);
const ROOT = randomBytes(32);
const directory = t.testdir();

async function file(content: string): Promise<string> {
  const path = join(directory, randomBytes(8).toString('hex'));
  await writeFile(path, content);
  return path;
}

t.test('a secret is one line of standard base64', async (t) => {
  const text = SECRET.toString('base64');
  for (const content of [text, `${text}\n`, `${text}\r\n`, `\n ${text} \n\n`]) {
    t.strictSame(await readSecretFile(await file(content)), new Uint8Array(SECRET));
  }
});

t.test("a relay's secret file has relay secret and tenant root", async (t) => {
  const content = `${SECRET.toString('base64')}\n${ROOT.toString('base64')}\n`;
  const secrets = await readRelaySecretFile(await file(content));
  t.strictSame(secrets.relaySecret, new Uint8Array(SECRET));
  t.strictSame(secrets.tenantRoot, new Uint8Array(ROOT));
});

t.test('errors have the name of the file and not its content', async (t) => {
  const good = SECRET.toString('base64');
  const cases: [content: string, says: RegExp][] = [
    ['', /it is empty/],
    [`${good}\n${good}\n`, /expected one line \(secret\), found 2/],
    [randomBytes(31).toString('base64'), /the secret is not 32 bytes of standard base64/],
    [randomBytes(33).toString('base64'), /not 32 bytes/],
    [SECRET.toString('hex'), /not 32 bytes/],
    [good.replace('=', ''), /not 32 bytes/],
    [`-${good.slice(1)}`, /not 32 bytes/],
  ];
  for (const [content, says] of cases) {
    const path = await file(content);
    const error = await t.rejects(readSecretFile(path));
    t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_SECRET'));
    const { message } = error as Error;
    t.match(message, says);
    t.ok(message.includes(path));
    if (content !== '') t.notOk(message.includes(content.trim()));
  }
  const short = await t.rejects(readRelaySecretFile(await file(good)));
  t.match((short as Error).message, /expected 2 lines \(relay secret, tenant root\), found 1/);
  const wrongRoot = await t.rejects(readRelaySecretFile(await file(`${good}\nAAAA`)));
  t.match((wrongRoot as Error).message, /the tenant root is not 32 bytes/);
});

t.test('a missing file gives ENOENT', async (t) => {
  const error = await t.rejects(readSecretFile(join(directory, 'absent')));
  t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_SECRET'));
  t.match(error, { errno: 'ENOENT', message: /there is no such file \(ENOENT\)/ });
});
