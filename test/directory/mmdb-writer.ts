/** Value of a record in MaxMind's format. */
export type Value = string | number | { readonly [name: string]: Value };

/**
 * Makes a database in MaxMind's format 2.0 (maxmind.github.io/MaxMind-DB) with records of 24 bits.
 * @param networks - IPv4 prefixes such as `203.0.113.0/24`, none in another, with their records
 */
export function mmdbOf(networks: Readonly<Record<string, Value>>): Buffer {
  const nodes: (number | undefined)[][] = [[undefined, undefined]];
  const data: Buffer[] = [];
  const leaves: { node: number; bit: number; offset: number }[] = [];
  let length = 0;
  for (const [prefix, value] of Object.entries(networks)) {
    const [address = '', bits = '0'] = prefix.split('/');
    const path = bitsOf(address, Number(bits));
    let node = 0;
    for (const bit of path.slice(0, -1)) {
      const row = nodes[node] ?? [];
      row[bit] ??= nodes.push([undefined, undefined]) - 1;
      node = row[bit];
    }
    leaves.push({ node, bit: path.at(-1) ?? 0, offset: length });
    const encoded = encode(value);
    data.push(encoded);
    length += encoded.length;
  }
  const tree = Buffer.alloc(nodes.length * 6);
  for (const [i, row] of nodes.entries()) {
    for (const bit of [0, 1]) tree.writeUIntBE(row[bit] ?? nodes.length, i * 6 + bit * 3, 3);
  }
  for (const { node, bit, offset } of leaves) {
    tree.writeUIntBE(nodes.length + 16 + offset, node * 6 + bit * 3, 3);
  }
  const about = { node_count: nodes.length, record_size: 24, ip_version: 4, build_epoch: 1 };
  const format = { binary_format_major_version: 2, binary_format_minor_version: 0 };
  const metadata = encode({ ...about, ...format, database_type: 'Test' });
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return Buffer.concat([tree, Buffer.alloc(16), ...data, marker, metadata]);
}

function bitsOf(address: string, bits: number): (0 | 1)[] {
  const bytes = address.split('.').map(Number);
  return Array.from({ length: bits }, (_, i) =>
    ((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1 ? 1 : 0,
  );
}

/** Encodes a map, a text, an integer as uint32, or another number as double. */
function encode(value: Value): Buffer {
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([Buffer.from([(2 << 5) | text.length]), text]);
  }
  if (typeof value !== 'number') {
    const members = Object.entries(value);
    const head = Buffer.from([(7 << 5) | members.length]);
    return Buffer.concat([head, ...members.flatMap(([k, v]) => [encode(k), encode(v)])]);
  }
  if (Number.isInteger(value)) {
    const bytes = Buffer.alloc(5);
    bytes[0] = (6 << 5) | 4;
    bytes.writeUInt32BE(value, 1);
    return bytes;
  }
  const bytes = Buffer.alloc(9);
  bytes[0] = (3 << 5) | 8;
  bytes.writeDoubleBE(value, 1);
  return bytes;
}
