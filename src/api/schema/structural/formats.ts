// The formats that schemas may name, and what text each takes. Formats that are not named here say nothing.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
import { parseIPv4, parseIPv6 } from '../../meta/ip.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '../../meta/names.ts';

type Check = (text: string) => boolean;

const matches =
  (pattern: RegExp): Check =>
  (text) =>
    pattern.test(text);

const hex = '[0-9a-fA-F]';
const uuid = (version: string, variant = hex): Check =>
  matches(new RegExp(`^${hex}{8}-?${hex}{4}-?${version}${hex}{3}-?${variant}${hex}{3}-?${hex}{12}$`));
const daysOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDate(text: string): boolean {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!parts) return false;
  const [year = 0, month = 0, day = 0] = parts.slice(1).map(Number);
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day >= 1 && day <= (month === 2 && !isLeap ? 28 : (daysOfMonth[month - 1] ?? 0));
}

const time = /^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)([.,]\d+)?(z|Z|[+-]\d\d:?\d\d)?$/;

function isDateTime(text: string): boolean {
  const at = text.search(/[Tt ]/);
  return at > 0 && isDate(text.slice(0, at)) && time.test(text.slice(at + 1));
}

const isIPv4: Check = (text) => parseIPv4(text) !== undefined;
const isIPv6: Check = (text) => parseIPv6(text) !== undefined;

function isCidr(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(length)) return false;
  return isIPv4(address) ? Number(length) <= 32 : isIPv6(address) && Number(length) <= 128;
}

function isUri(text: string): boolean {
  return /^\//.test(text) || /^[a-zA-Z][a-zA-Z0-9+.-]*:\S*$/.test(text);
}

const digitsOf = (text: string): number[] => [...text].map(Number);

function isIsbn10(text: string): boolean {
  const plain = text.replace(/[\s-]/g, '');
  if (!/^\d{9}[\dX]$/.test(plain)) return false;
  const sum = [...plain].reduce((total, digit, i) => total + (i + 1) * (digit === 'X' ? 10 : Number(digit)), 0);
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const plain = text.replace(/[\s-]/g, '');
  return /^\d{13}$/.test(plain) && digitsOf(plain).reduce((total, digit, i) => total + digit * (i % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

function isCreditCard(text: string): boolean {
  const plain = text.replace(/[\s-]/g, '');
  if (!/^\d{12,19}$/.test(plain)) return false;
  const sum = digitsOf(plain)
    .reverse()
    .reduce((total, digit, i) => total + (i % 2 === 0 ? digit : digit * 2 > 9 ? digit * 2 - 9 : digit * 2), 0);
  return sum % 10 === 0;
}

const duration =
  /^(?:-?(?:\d+(?:\.\d*)?|\.\d+)\s*(?:ns|us|µs|μs|ms|s|sec|secs|seconds?|m|min|mins|minutes?|h|hr|hrs|hours?|d|days?|w|wks?|weeks?|millis?|milliseconds?|micros?|microseconds?|nanos?|nanoseconds?)\s*)+$/;
const colour = '\\s*(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)\\s*';

const checks: Readonly<Record<string, Check>> = {
  bsonobjectid: matches(/^[0-9a-fA-F]{24}$/),
  uri: isUri,
  email: matches(/^[^\s@<>()",;:\\[\]]+@[^\s@]+$/),
  hostname: matches(/^(?=.{1,255}$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\.?$/),
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  mac: matches(/^(?:[0-9a-fA-F]{2}([:-]))(?:[0-9a-fA-F]{2}\1){4,18}[0-9a-fA-F]{2}$|^(?:[0-9a-fA-F]{4}\.){2,9}[0-9a-fA-F]{4}$/),
  uuid: uuid(hex),
  uuid3: uuid('3'),
  uuid4: uuid('4', '[89abAB]'),
  uuid5: uuid('5', '[89abAB]'),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: matches(new RegExp(`^rgb\\(${colour},${colour},${colour}\\)$`)),
  byte: matches(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  password: () => true,
  date: isDate,
  duration: (text) => duration.test(text.trim()),
  datetime: isDateTime,
  'date-time': isDateTime,
  'k8s-short-name': (text) => dnsLabelProblems(text).length === 0,
  'k8s-long-name': (text) => dnsSubdomainProblems(text).length === 0,
};

/** `date-time` and `datetime` are one: dashes say nothing. */
export function fitsFormat(text: string, format: string): boolean {
  const check = Object.hasOwn(checks, format) ? checks[format] : undefined;
  return check === undefined || check(text);
}
