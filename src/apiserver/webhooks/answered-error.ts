// What a client makes of a failure that is told by its HTTP status alone, in upstream's words.
import { StatusError, type StatusReason } from '../../api/mod.ts';

const known: Readonly<Record<number, { readonly reason: StatusReason; readonly message: string }>> = {
  400: { reason: 'BadRequest', message: 'the server rejected our request for an unknown reason' },
  401: { reason: 'Unauthorized', message: 'the server has asked for the client to provide credentials' },
  403: { reason: 'Forbidden', message: 'forbidden' },
  404: { reason: 'NotFound', message: 'the server could not find the requested resource' },
  405: { reason: 'MethodNotAllowed', message: 'the server does not allow this method on the requested resource' },
  409: { reason: 'Conflict', message: 'the server reported a conflict' },
  413: { reason: 'RequestEntityTooLarge', message: 'Request entity too large' },
  415: { reason: 'UnsupportedMediaType', message: 'the body of the request was in an unknown format' },
  429: { reason: 'TooManyRequests', message: 'the server has received too many requests and has asked us to try again later' },
  503: { reason: 'ServiceUnavailable', message: 'the server is currently unable to handle the request' },
  504: {
    reason: 'Timeout',
    message: 'the server was unable to return a response in the time allotted, but may still be processing the request',
  },
};

/** `text` is what the server said, which is quoted where the status says nothing. */
export function answeredError(code: number, text: string): StatusError {
  const found = known[code];
  if (found) return new StatusError({ code, ...found });
  if (code >= 500) {
    const message = `an error on the server (${JSON.stringify(text || 'unknown')}) has prevented the request from succeeding`;
    return new StatusError({ code, reason: 'InternalError', message });
  }
  return new StatusError({
    code,
    reason: '',
    message: `the server responded with the status code ${code} but did not return more information`,
  });
}
