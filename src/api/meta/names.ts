// How names, labels and keys must look, with the messages that upstream gives. Each check returns all problems; none is `[]`.
// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and .../labels/
import type { Random } from '../../base/mod.ts';

export const dnsLabelMax = 63;
export const dnsSubdomainMax = 253;
const qualifiedNameMax = 63;
const labelValueMax = 63;
const portNameMax = 15;
const configKeyMax = 253;
/** All keys and values of an object's annotations together, in bytes. */
export const annotationsBytesMax = 256 * 1024;

export const maxLengthProblem = (length: number): string => `must be no more than ${length} bytes`;
export const rangeProblem = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`;
export const nonNegativeProblem = 'must be greater than or equal to 0';

/** A regular expression and the sentence that explains it. */
interface Form {
  readonly pattern: RegExp;
  readonly problem: string;
}

function form(pattern: string, sentence: string, ...examples: string[]): Form {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  const tail = `regex used for validation is '${pattern}')`;
  return { pattern: new RegExp(`^(?:${pattern})$`), problem: `${sentence} (${examples.length === 0 ? '' : `e.g. ${shown}`}${tail}` };
}

const labelPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dnsLabelForm = form(
  labelPattern,
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  'my-name',
  '123-abc',
);
const dnsSubdomainForm = form(
  `${labelPattern}(\\.${labelPattern})*`,
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  'example.com',
);
const dns1035Form = form(
  '[a-z]([-a-z0-9]*[a-z0-9])?',
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  'my-name',
  'abc-123',
);
const namePartPattern = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const namePartSentence = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const namePartForm = form(namePartPattern, namePartSentence, 'MyName', 'my.name', '123-abc');
const qualifiedForm = form(namePartPattern, `a qualified name ${namePartSentence}`, 'MyName', 'my.name', '123-abc');
const labelValueForm = form(
  '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?',
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  'MyValue',
  'my_value',
  '12345',
);
const configKeyForm = form(
  '[-._a-zA-Z0-9]+',
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  'key.name',
  'KEY_NAME',
  'key-name',
);
const wildcardForm = form(
  `\\*\\.${labelPattern}(\\.${labelPattern})*`,
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  '*.example.com',
);

/** Bytes in UTF-8; lengths are counted so. */
export const byteLength = (text: string): number => Buffer.byteLength(text, 'utf8');

function check(value: string, max: number, of: Form): string[] {
  const problems: string[] = [];
  if (byteLength(value) > max) problems.push(maxLengthProblem(max));
  if (!of.pattern.test(value)) problems.push(of.problem);
  return problems;
}

export const dnsLabelProblems = (value: string): string[] => check(value, dnsLabelMax, dnsLabelForm);
export const dnsSubdomainProblems = (value: string): string[] => check(value, dnsSubdomainMax, dnsSubdomainForm);
export const dns1035LabelProblems = (value: string): string[] => check(value, dnsLabelMax, dns1035Form);
export const wildcardSubdomainProblems = (value: string): string[] => check(value, dnsSubdomainMax, wildcardForm);
export const labelValueProblems = (value: string): string[] => check(value, labelValueMax, labelValueForm);

/** Keys of labels and annotations, and names of resources, finalizers, taints: `name` or `prefix.example.com/name`. */
export function qualifiedNameProblems(value: string): string[] {
  const parts = value.split('/');
  if (parts.length > 2) {
    return [`${qualifiedForm.problem} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const problems: string[] = [];
  const name = parts[parts.length - 1] ?? '';
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') problems.push('prefix part must be non-empty');
    else problems.push(...dnsSubdomainProblems(prefix).map((problem) => `prefix part ${problem}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (byteLength(name) > qualifiedNameMax) problems.push(`name part ${maxLengthProblem(qualifiedNameMax)}`);
  if (!namePartForm.pattern.test(name)) problems.push(`name part ${namePartForm.problem}`);
  return problems;
}

/** Names that only have to be one segment of a path, such as those of roles. */
export function pathSegmentProblems(value: string): string[] {
  if (value === '.') return ["may not be '.'"];
  if (value === '..') return ["may not be '..'"];
  return ['/', '%'].filter((char) => value.includes(char)).map((char) => `may not contain '${char}'`);
}

/** Names of container ports, by which services and probes refer to them. */
export function portNameProblems(value: string): string[] {
  const problems: string[] = [];
  if (byteLength(value) > portNameMax) problems.push(maxLengthProblem(portNameMax));
  if (!/^[-a-z0-9]+$/.test(value)) problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

export const portNumberProblems = (value: number): string[] => (value >= 1 && value <= 65535 ? [] : [rangeProblem(1, 65535)]);

/** Keys of a ConfigMap's or Secret's data, which become file names. */
export function configKeyProblems(value: string): string[] {
  const problems = check(value, configKeyMax, configKeyForm);
  if (value === '.') problems.push("must not be '.'");
  else if (value === '..') problems.push("must not be '..'");
  else if (value.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

/** Names of environment variables: any printable ASCII but "=". */
export function envNameProblems(value: string): string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  return /^[ -<>-~]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

export type NameRule = 'dnsSubdomain' | 'dnsLabel' | 'dns1035Label' | 'pathSegment';

const nameRules: Readonly<Record<NameRule, (value: string) => string[]>> = {
  dnsSubdomain: dnsSubdomainProblems,
  dnsLabel: dnsLabelProblems,
  dns1035Label: dns1035LabelProblems,
  pathSegment: pathSegmentProblems,
};

/** `isPrefix`: the value is a generateName, to which a suffix is yet to come, so it may end in a dash. */
export function nameProblems(rule: NameRule, value: string, isPrefix = false): string[] {
  const masked = isPrefix && value.length > 1 && value.endsWith('-') ? `${value.slice(0, -2)}a` : value;
  return nameRules[rule](masked);
}

/** No vowels and nothing that looks like one: no words by accident, no confusion. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;
const generatedBaseMax = dnsLabelMax - suffixLength;

/** `length` characters of the alphabet that Kubernetes uses for generated names. */
export const randomSuffix = (random: Random, length: number = suffixLength): string =>
  Array.from({ length }, () => suffixAlphabet[random.below(suffixAlphabet.length)]).join('');

/** The name for a generateName: its first 58 characters and a random suffix of five. */
export const generateName = (base: string, random: Random): string => base.slice(0, generatedBaseMax) + randomSuffix(random);

/** Encodes a number the way pod-template-hash does: the decimal digits, each as a letter of the safe alphabet. */
export const safeEncode = (text: string): string =>
  Array.from(text, (char) => suffixAlphabet[char.charCodeAt(0) % suffixAlphabet.length]).join('');
