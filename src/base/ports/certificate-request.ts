// Checks the signature of a certificate request (PKCS #10) with what node has. Source: RFC 2986.
import { createPublicKey, verify } from 'node:crypto';

interface Element {
  readonly tag: number;
  /** With its head, as it is signed. */
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
  readonly next: number;
}

const sequence = 0x30;
const bitString = 0x03;
const objectIdentifier = 0x06;

/** Hashes by the signature algorithm's identifier, as hex of its content; null: the algorithm has its own. */
const hashes: Readonly<Record<string, string | null>> = {
  '2a864886f70d010105': 'sha1',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d0401': 'sha1',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2b6570': null,
};

/** What is wrong with a request (DER), in few words; undefined when its key has signed it. */
export function certificateRequestProblem(der: Uint8Array): string | undefined {
  const [request] = elementsOf(der);
  const [info, algorithm, signature, ...more] = request?.tag === sequence ? elementsOf(request.content) : [];
  if (!request || request.next !== der.length || !info || !algorithm || signature?.tag !== bitString || more.length > 0) return malformed;
  const key = elementsOf(info.content)[2];
  const [identifier] = elementsOf(algorithm.content);
  if (key?.tag !== sequence || identifier?.tag !== objectIdentifier) return malformed;
  const hash = hashes[Buffer.from(identifier.content).toString('hex')];
  if (hash === undefined) return 'x509: cannot verify signature: algorithm unimplemented';
  try {
    const publicKey = createPublicKey({ key: Buffer.from(key.whole), format: 'der', type: 'spki' });
    // The first byte of a bit string tells how many bits of the last are unused: none.
    return verify(hash, info.whole, publicKey, signature.content.subarray(1)) ? undefined : 'x509: the signature does not verify';
  } catch {
    return malformed;
  }
}

const malformed = 'asn1: structure error: not a certificate request';

/** The elements that lie side by side; those that run over the end, and what follows them, are left out. */
function elementsOf(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = elementAt(bytes, at);
    if (!element) break;
    found.push(element);
    at = element.next;
  }
  return found;
}

function elementAt(bytes: Uint8Array, at: number): Element | undefined {
  const first = bytes[at + 1] ?? 0x80;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthBytes > 4) return undefined;
  let length = lengthBytes === 0 ? first : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0);
  const start = at + 2 + lengthBytes;
  const next = start + length;
  if (next > bytes.length) return undefined;
  return { tag: bytes[at] ?? 0, whole: bytes.subarray(at, next), content: bytes.subarray(start, next), next };
}
