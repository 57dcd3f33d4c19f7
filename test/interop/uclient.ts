import type { Arena } from './arena.js';
import type { Judgement } from './capture.js';

/** Messages that coturn's client sends in each of its connections. */
const MESSAGES = 50;

/** What coturn's client does, with the options of its command line. */
export const UCLIENT_WAYS: Readonly<Record<string, readonly string[]>> = {
  ChannelData: ['-y'],
  'Send indications': ['-s', '-y'],
  'DONT-FRAGMENT': ['-g', '-y'],
  'Mobility (RFC 8016)': ['-M', '-y'],
  'Mobility (Send indications)': ['-M', '-s', '-y'],
  'IPv6 (ChannelData)': ['-x', '-y'],
  'IPv6 (Send indications)': ['-x', '-s', '-y'],
};

/**
 * Runs coturn's client behind a symmetric NAT: two clients in one process, which reach each other
 * through their allocations.
 * @param program - path of `turnutils_uclient`
 * @param options - those of a way
 * @returns what tshark has found
 * @throws if a message is lost
 */
export async function runUclient(
  arena: Arena,
  program: string,
  options: readonly string[],
): Promise<Judgement> {
  const family = options.includes('-x') ? 6 : 4;
  const [output, [judgement]] = await arena.captured(async () => {
    const credential = ['-u', 'alice', '-w', 'secret'];
    const { child, ended } = arena.lab.spawn(arena.hosts[0], [
      ...[program, ...credential, '-n', String(MESSAGES), '-m', '2', ...options],
      arena.serverAddress(family),
    ]);
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += String(chunk);
    });
    await ended;
    return text;
  });
  if (!/Total lost packets 0 /.test(output)) {
    throw new Error(`turnutils_uclient: ${output.split('\n').slice(-4).join(' ')}`);
  }
  return judgement;
}
