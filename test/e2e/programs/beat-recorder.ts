/**
 * A proxy in front of a directory: `beat-recorder LISTEN-ADDRESS TARGET-URL`. Writes a line when it
 * listens, and then a line of JSON for each beat with measurements that the directory has taken:
 * `{"relay", "trunk", "legs"}`, as docs/registration.md has them.
 */
import { createServer, request } from 'node:http';
import { pipeline } from 'node:stream';

const [listen = '', target = ''] = process.argv.slice(2);
const { hostname, port } = new URL(`http://${listen}`);
const BEAT = /^\/v1\/relays\/([^/]+)\/beat$/;

createServer((asked, answer) => {
  const chunks: Buffer[] = [];
  asked.on('data', (chunk: Buffer) => chunks.push(chunk));
  asked.on('end', () => {
    const body = Buffer.concat(chunks);
    const { method, headers, url = '' } = asked;
    const passed = request(new URL(url, target), { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      pipeline(response, answer, () => {});
      if (response.statusCode === 200) record(url, body);
    });
    passed.on('error', () => asked.destroy());
    passed.end(body);
  });
  asked.on('error', () => {});
}).listen(Number(port), hostname.replace(/^\[|\]$/g, ''), () => console.log('listening'));

function record(url: string, body: Buffer): void {
  const relay = BEAT.exec(url)?.[1];
  if (relay === undefined) return;
  const { trunk = [], legs = [] } = JSON.parse(body.toString()).measurements ?? {};
  if (trunk.length + legs.length > 0) console.log(JSON.stringify({ relay, trunk, legs }));
}
