// The way of a request, as one list in run order. Callable without a socket: `serve(request)` gives the answer as a value.
import { badRequest, internalError, type KindDefinition, StatusError } from '../api/mod.ts';
import { assert, type Clock, errorText, type Logger, type Random } from '../base/mod.ts';
import type { UserInfo } from '../client/mod.ts';
import type { AuditRecord } from './audit/record.ts';
import { type Anonymous, anonymousUser, authenticate, type TokenAuthenticator } from './authn/authenticate.ts';
import { type Impersonation, readImpersonation } from './authn/impersonate.ts';
import type { RequestHeaderAuthenticator } from './authn/request-header.ts';
import { type Attributes, type Authorizer, type Decision, refusal } from './authz/authorizer.ts';
import { whyTarget } from './debug-why.ts';
import { isLongRunning, OpenRequests, RequestDeadline, timeoutOf } from './http/deadline.ts';
import { type EdgeRequest, type EdgeResponse, headerOf, textResponse } from './http/exchange.ts';
import { asksForWebSocket } from './http/over-websocket.ts';
import { parseRequestInfo, type RequestInfo, type ResourceInfo } from './http/request-info.ts';
import { errorResponse } from './http/respond-protobuf.ts';

/** Texts of warnings that one answer carries. */
const warningsMax = 64;

/** What the steps find out about one request, each step adding its part. */
export interface Exchange {
  readonly request: EdgeRequest;
  readonly auditId: string;
  info: RequestInfo;
  user: UserInfo;
  deadline: RequestDeadline;
  longRunning: boolean;
  readonly warnings: string[];
  /** Where the audit log wants to know about the request. */
  audit: AuditRecord | undefined;
}

export interface PipelineOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly tokens: readonly TokenAuthenticator[];
  readonly authorizer: Authorizer;
  readonly anonymous?: Anonymous | undefined;
  readonly frontProxy?: RequestHeaderAuthenticator | undefined;
  /** Signals of requests under way: stopping the server ends the long-running ones. */
  readonly open?: OpenRequests;
  /** Counts and times requests. Default: nobody does. */
  readonly measure?: Step | undefined;
  /** Bounds what is under way. Default: nothing does. */
  readonly fairness?: Step | undefined;
  /** Records requests. Default: nobody does. */
  readonly audit?: AuditSteps | undefined;
  /** The last step: routes and verbs. */
  readonly dispatch: (exchange: Exchange) => Answer;
}

export type Serve = (request: EdgeRequest) => Promise<EdgeResponse>;
/** The places of the audit log. */
export interface AuditSteps {
  /** Goes around authentication: who is nobody is recorded, too. */
  readonly failedAuthentication: Step;
  /** Comes after authentication. */
  readonly requests: Step;
}

/** At once where nothing has to be waited for: a promise for each step would be a good part of a small request's cost. */
export type Answer = EdgeResponse | Promise<EdgeResponse>;
/** May throw where it answers at once. */
export type Step = (exchange: Exchange, next: () => Answer) => Answer;

/** Assembles the pipeline. */
export function createPipeline(options: PipelineOptions): Serve {
  const run = compose([
    recover(options),
    requestInfo,
    ...(options.measure ? [options.measure] : []),
    deadline(options),
    ...(options.audit ? [options.audit.failedAuthentication] : []),
    authentication(options),
    ...(options.audit ? [options.audit.requests] : []),
    impersonation(options),
    ...(options.fairness ? [options.fairness] : []),
    authorization(options),
    options.dispatch,
  ]);
  return async (request) =>
    run({
      request,
      auditId: headerOf(request.headers, 'audit-id') || options.random.uuid(),
      // The steps that come first set these before anybody reads them.
      info: { as: 'path', verb: '', method: request.method, path: '', query: {} },
      user: anonymousUser,
      deadline: new RequestDeadline({ clock: options.clock, ms: undefined, client: () => request.signal, open: undefined }),
      longRunning: false,
      warnings: [],
      audit: undefined,
    });
}

/** Runs the steps one inside the other, the first outermost. */
export function compose(steps: readonly Step[]): (exchange: Exchange) => Answer {
  const at = (index: number, exchange: Exchange): Answer => {
    const step = steps[index];
    assert(step, 'the last step called next()');
    return step(exchange, () => at(index + 1, exchange));
  };
  return (exchange) => at(0, exchange);
}

/** Whatever is thrown becomes an answer; what is not an API error is logged. Puts on the headers that every answer has. */
function recover({ log }: PipelineOptions): Step {
  return async (exchange, next) => {
    let response: EdgeResponse;
    try {
      response = await next();
    } catch (error) {
      response = await failureResponse(exchange, error, log);
    }
    const headers: Record<string, string | number | readonly string[]> = {
      'audit-id': exchange.auditId,
      'cache-control': 'no-cache, private',
      ...response.headers,
    };
    if (exchange.warnings.length > 0) headers.warning = exchange.warnings.map(warningHeader);
    return { ...response, headers };
  };
}

async function failureResponse({ request, info, auditId }: Exchange, error: unknown, log: Logger): Promise<EdgeResponse> {
  if (error instanceof StatusError) return errorResponse(request, error.status);
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === 'tooLarge') {
    const message = `Request entity too large: limit is ${bodyBytesMax}`;
    return errorResponse(request, new StatusError({ code: 413, reason: 'RequestEntityTooLarge', message }).status);
  }
  if (request.signal.aborted) return textResponse(499, 'client closed the request\n');
  log.error('Request failed', {
    method: request.method,
    path: info.path,
    auditId,
    error: errorText(error),
    cause: error,
  });
  return errorResponse(request, internalError(error).status);
}

/** Bytes of a request's body. */
export const bodyBytesMax = 3 * 1024 * 1024;

/** `299 - "text"`, quotes and backslashes escaped, as RFC 9110 had the Warning header. */
export const warningHeader = (text: string): string => `299 - "${text.replace(/[\\"]/g, '\\$&').replace(/[^\t\x20-\x7e]/g, ' ')}"`;

const requestInfo: Step = (exchange, next) => {
  try {
    exchange.info = parseRequestInfo(exchange.request.method, exchange.request.target);
  } catch (error) {
    throw badRequest(`Cannot read the path: ${errorText(error)}`);
  }
  return next();
};

function deadline({ clock, open = new OpenRequests() }: PipelineOptions): Step {
  return async (exchange, next) => {
    exchange.longRunning = isLongRunning(exchange.info);
    exchange.deadline = new RequestDeadline({
      clock,
      ms: exchange.longRunning ? undefined : timeoutOf(exchange.info),
      client: () => exchange.request.signal,
      open: exchange.longRunning ? open : undefined,
      lifted: open,
    });
    const end = () => exchange.deadline.end();
    let response: EdgeResponse;
    try {
      response = await next();
    } catch (error) {
      end();
      throw error;
    }
    // A stream goes on after the pipeline has given its answer: its end is the request's.
    if (response.body.as === 'stream' || response.body.as === 'upgrade') {
      const finished = () => {
        response.finished?.();
        end();
      };
      return { ...response, finished };
    }
    end();
    return response;
  };
}

/** Verbs add texts by the context; the outermost step makes headers of them. Each is said once. */
export function addWarning(exchange: Exchange, text: string): void {
  if (exchange.warnings.length < warningsMax && !exchange.warnings.includes(text)) exchange.warnings.push(text);
}

function authentication({ clock, tokens, anonymous, frontProxy }: PipelineOptions): Step {
  return (exchange, next) => {
    const { request, info } = exchange;
    const goOn = (user: UserInfo): Answer => {
      exchange.user = user;
      return next();
    };
    const user = authenticate({ request, path: info.path, nowMs: clock.nowMs(), tokens, anonymous, frontProxy });
    return user instanceof Promise ? user.then(goOn) : goOn(user);
  };
}

function impersonation({ authorizer }: PipelineOptions): Step {
  const impersonate = async (exchange: Exchange, { user, needs }: Impersonation) => {
    for (const need of needs) {
      await allowOrThrow(authorizer, { as: 'resource', user: exchange.user, verb: 'impersonate', version: '', ...need });
    }
    exchange.user = user;
    exchange.audit?.impersonates(user);
  };
  return (exchange, next) => {
    const wanted = readImpersonation(exchange.request);
    return wanted ? impersonate(exchange, wanted).then(next) : next();
  };
}

function authorization({ authorizer }: PipelineOptions): Step {
  return (exchange, next) => {
    const attributes = attributesOf(exchange.info, exchange.user);
    const run = runsByWebSocket(exchange) ? () => after(allowOrThrow(authorizer, { ...attributes, verb: 'create' }), next) : next;
    return after(allowOrThrow(authorizer, attributes, exchange.audit), run);
  };
}

const after = (waiting: Promise<void> | undefined, next: () => Answer): Answer => (waiting ? waiting.then(next) : next());

const runningSubresources: readonly string[] = ['attach', 'exec', 'portforward'];

/** A WebSocket begins with a GET, whatever is done over it: who may only read a pod must not run something in it. */
const runsByWebSocket = ({ info, request }: Exchange): boolean =>
  info.as === 'resource' &&
  info.method === 'GET' &&
  info.group === '' &&
  info.resource === 'pods' &&
  runningSubresources.includes(info.subresource) &&
  asksForWebSocket(request);

/** Throws the 403 unless it is allowed; a promise where somebody else has to be asked. */
function allowOrThrow(authorizer: Authorizer, attributes: Attributes, audit?: AuditRecord): Promise<void> | undefined {
  const heed = ({ decision, reason }: Decision): undefined => {
    audit?.annotate('authorization.k8s.io/decision', decision === 'allow' ? 'allow' : 'forbid');
    audit?.annotate('authorization.k8s.io/reason', reason ?? '');
    if (decision !== 'allow') throw refusal(attributes, reason);
  };
  const decision = authorizer.decide(attributes);
  return decision instanceof Promise ? decision.then(heed) : heed(decision);
}

export function attributesOf(info: RequestInfo, user: UserInfo): Attributes {
  if (info.as === 'path') {
    const pod = whyTarget(info);
    if (pod) return { as: 'resource', user, verb: 'get', group: '', version: 'v1', resource: 'pods', subresource: '', ...pod };
    return { as: 'path', user, verb: info.verb, path: info.path };
  }
  const sent = info.query.fieldSelector;
  const fieldSelector = typeof sent === 'string' || sent === undefined ? sent : sent[0];
  return {
    as: 'resource',
    user,
    verb: info.verb === '' ? info.method.toLowerCase() : info.verb,
    group: info.group,
    version: info.version,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.attributeName,
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

/** A resource request whose kind is served. */
export interface ResourceExchange {
  readonly exchange: Exchange;
  readonly info: ResourceInfo;
  readonly kind: KindDefinition;
}
