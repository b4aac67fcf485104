// The words of Go's parsers for text that is not what it should be: times, base64, numbers.

/** RFC 3339 as Go writes a layout, and the same with microseconds. */
const layouts = { time: '2006-01-02T15:04:05Z07:00', micro: '2006-01-02T15:04:05.000000Z07:00' };

interface Part {
  /** As it stands in the layout. */
  readonly layout: string;
  readonly pattern: RegExp;
  readonly range?: readonly [name: string, min: number, max: number];
}

const literal = (text: string): Part => ({ layout: text, pattern: new RegExp(`^${text}`) });
const zone: Part = { layout: 'Z07:00', pattern: /^(?:Z|[+-]\d\d:\d\d)/ };
const head: readonly Part[] = [
  { layout: '2006', pattern: /^\d{4}/ },
  literal('-'),
  { layout: '01', pattern: /^\d\d/, range: ['month', 1, 12] },
  literal('-'),
  { layout: '02', pattern: /^\d\d/, range: ['day', 1, 31] },
  literal('T'),
  { layout: '15', pattern: /^\d\d/, range: ['hour', 0, 23] },
  literal(':'),
  { layout: '04', pattern: /^\d\d/, range: ['minute', 0, 59] },
  literal(':'),
  { layout: '05', pattern: /^\d\d/, range: ['second', 0, 59] },
];
const fraction: Part = { layout: '.000000', pattern: /^\.\d{6}(?!\d)/ };
/** A layout without a fraction takes one all the same. */
const anyFraction = /^[.,]\d+/;

/**
 * Why `text` is no time, or undefined when it is one: `parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"`.
 * With `micro` exactly six decimals are asked for.
 */
export function goTimeProblem(text: string, micro: boolean): string | undefined {
  const layout = micro ? layouts.micro : layouts.time;
  let rest = text;
  for (const part of [...head, ...(micro ? [fraction] : []), zone]) {
    if (part === zone && !micro) rest = rest.replace(anyFraction, '');
    const match = part.pattern.exec(rest);
    if (!match)
      return `parsing time ${JSON.stringify(text)} as "${layout}": cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(part.layout)}`;
    const value = Number(match[0]);
    if (part.range && (value < part.range[1] || value > part.range[2]))
      return `parsing time ${JSON.stringify(text)}: ${part.range[0]} out of range`;
    rest = rest.slice(match[0].length);
  }
  return rest === '' ? undefined : `parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`;
}

const base64Text = /^[A-Za-z0-9+/]*={0,2}$/;
const base64Letter = /[A-Za-z0-9+/]/;

/** `illegal base64 data at input byte 4`, or undefined for padded standard base64. Line ends are allowed. */
export function base64Problem(text: string): string | undefined {
  if (text.length % 4 === 0 && base64Text.test(text)) return undefined;
  let letters = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] ?? '';
    if (c === '\n' || c === '\r') continue;
    if (base64Letter.test(c)) {
      letters++;
      continue;
    }
    const missing = (4 - (letters % 4)) % 4;
    const padding = text.slice(i).replace(/[\r\n]/g, '');
    if (c === '=' && missing > 0 && missing < 3 && padding === '='.repeat(missing)) return undefined;
    return `illegal base64 data at input byte ${i}`;
  }
  return letters % 4 === 0 ? undefined : `illegal base64 data at input byte ${text.length}`;
}

/** A double as Go's JSON encoder writes it: `0.5`, `1e+21`. */
export function goNumberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return BigInt(value).toString();
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}
