// Content negotiation: in which form and media type an answer goes out, from the Accept header.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-representations
import { StatusError } from '../../api/mod.ts';
import { protobufType } from './protobuf-body.ts';

/** `object` is the thing itself; lists and single objects ask for the other forms by slightly different names. */
export type Form = 'object' | 'table' | 'metadata';
export type OutputType = 'application/json' | 'application/yaml' | typeof protobufType;

export interface Output {
  readonly form: Form;
  readonly mediaType: OutputType;
}

export interface Clause {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

const plainJson: Output = { form: 'object', mediaType: 'application/json' };
/** What everything is given as. */
const textTypes: readonly OutputType[] = ['application/json', 'application/yaml'];
/** What kinds with a protobuf form are given as. */
const allTypes: readonly OutputType[] = [...textTypes, protobufType];
const allForms: readonly Form[] = ['object', 'table', 'metadata'];
const formOf: Readonly<Record<string, Form>> = {
  Table: 'table',
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadata',
};

/** The clauses of an Accept header, the most wanted first; the order of writing decides between equals. */
export function parseAccept(header: string): Clause[] {
  const clauses = header
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(parseClause);
  return clauses
    .map((clause, at) => ({ clause, at }))
    .sort((a, b) => b.clause.quality - a.clause.quality || a.at - b.at)
    .map(({ clause }) => clause);
}

function parseClause(text: string): Clause {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters: Record<string, string> = Object.create(null);
  for (const part of rest) {
    const at = part.indexOf('=');
    if (at > 0) parameters[part.slice(0, at)] = part.slice(at + 1);
  }
  const quality = Number(parameters.q ?? 1);
  return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 0 };
}

export interface Negotiable {
  /** What the resource can be shown as. Default all. */
  readonly forms?: readonly Form[];
  /** Whether it has a protobuf form. Default false. */
  readonly protobuf?: boolean;
}

/** Throws a StatusError with 406 when nothing that is served was asked for. */
export function negotiate(accept: string | undefined, { forms = allForms, protobuf = false }: Negotiable = {}): Output {
  // The common cases, without parsing.
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return plainJson;
  const served = protobuf ? allTypes : textTypes;
  for (const { type, parameters, quality } of parseAccept(accept)) {
    const mediaType = type === '*/*' ? 'application/json' : served.find((one) => one === type);
    const form = formWanted(parameters);
    // Tables are text.
    if (form === 'table' && mediaType === protobufType) continue;
    if (quality > 0 && mediaType && form && forms.includes(form)) return { form, mediaType };
  }
  throw notAcceptable(served);
}

/** Only the v1 forms of group meta.k8s.io are served. */
function formWanted(parameters: Clause['parameters']): Form | undefined {
  const as = parameters.as;
  if (as === undefined) return 'object';
  return parameters.g === 'meta.k8s.io' && parameters.v === 'v1' ? formOf[as] : undefined;
}

export const notAcceptable = (types: readonly string[]): StatusError =>
  new StatusError({
    code: 406,
    reason: 'NotAcceptable',
    message: `only the following media types are accepted: ${types.join(', ')}`,
  });

/** True when the client takes gzip. */
export const acceptsGzip = (header: string | undefined): boolean =>
  header !== undefined && parseAccept(header).some(({ type, quality }) => type === 'gzip' && quality > 0);
