// Named formats. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-format-library
import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  nameProblems,
  qualifiedNameProblems,
} from '../../meta/names.ts';
import { parseTimestamp } from '../time.ts';
import { formatType, listOf, optionalOf, stringType } from '../types.ts';
import { CelList, type CelOpaque, CelOptional, noneOptional, type Result } from '../values.ts';
import { fixed, fn, type Library, method, perCharacter, perRegexCharacter, scale, sizeOf, unknownSize } from './declare.ts';
import { urlProblem } from './urls.ts';

class Format implements CelOpaque {
  readonly opaqueType = 'kubernetes.NamedFormat';
  readonly name: string;
  /** The length that its regular expression is taken to have, for costs. */
  readonly regexSize: number;
  readonly problems: (text: string) => readonly string[];

  constructor(name: string, regexSize: number, problems: (text: string) => readonly string[]) {
    this.name = name;
    this.regexSize = regexSize;
    this.problems = problems;
  }

  equals(other: CelOpaque): boolean {
    return other instanceof Format && other.name === this.name;
  }
}

const holds = (ok: boolean, problem: string): readonly string[] => (ok ? [] : [problem]);
const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/;
const isDate = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text) && parseTimestamp(`${text}T00:00:00Z`) !== undefined;

const formats = new Map(
  [
    new Format('dns1123Label', 30, dnsLabelProblems),
    new Format('dns1123Subdomain', 60, dnsSubdomainProblems),
    new Format('dns1035Label', 30, dns1035LabelProblems),
    new Format('qualifiedName', 60, qualifiedNameProblems),
    new Format('dns1123LabelPrefix', 30, (text) => nameProblems('dnsLabel', text, true)),
    new Format('dns1123SubdomainPrefix', 60, (text) => nameProblems('dnsSubdomain', text, true)),
    new Format('dns1035LabelPrefix', 30, (text) => nameProblems('dns1035Label', text, true)),
    new Format('labelValue', 40, labelValueProblems),
    new Format('uri', 128, (text) => [urlProblem(text)].filter((problem) => problem !== undefined)),
    new Format('uuid', 80, (text) => holds(uuid.test(text), 'does not match the UUID format')),
    new Format('byte', 80, (text) => holds(base64.test(text), 'invalid base64')),
    new Format('date', 128, (text) => holds(isDate(text), 'invalid date')),
    new Format('datetime', 128, (text) => holds(parseTimestamp(text) !== undefined, 'invalid datetime')),
  ].map((format) => [format.name, format]),
);
/** No format's expression is taken to be longer. */
const regexSizeMax = 128;

function validate(format: Format, text: string): Result {
  const problems = format.problems(text);
  return problems.length === 0 ? noneOptional : new CelOptional(new CelList(problems));
}

export const namedFormats: Library = {
  'format.named': [
    fn('format-named', [stringType], optionalOf(formatType), (name: string) => {
      const format = formats.get(name);
      return format === undefined ? noneOptional : new CelOptional(format);
    }),
  ],
  ...Object.fromEntries([...formats].map(([name, format]) => [`format.${name}`, [fn(`format.${name}`, [], formatType, () => format)]])),
  validate: [
    method('format-validate', [formatType, stringType], optionalOf(listOf(stringType)), validate, {
      cost: ([format, text]) => {
        const size = format instanceof Format ? format.regexSize : regexSizeMax;
        return Math.ceil((1 + sizeOf(text)) * perCharacter) * Math.ceil(size * perRegexCharacter);
      },
      estimate: ([, text]) => ({
        cost: text === undefined ? fixed(1) : scale(scale(text.size ?? unknownSize, perCharacter), regexSizeMax * perRegexCharacter),
      }),
    }),
  ],
};
