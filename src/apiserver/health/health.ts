// /healthz, /livez and /readyz: named checks, each with a path of its own, and the version.
// Source: https://kubernetes.io/docs/reference/using-api/health-checks/
import { errorText } from '../../base/mod.ts';
import { type EdgeResponse, jsonResponse, notFoundPage, textResponse } from '../http/exchange.ts';
import { allOf, isTrue, type Query } from '../http/request-info.ts';

export interface HealthCheck {
  readonly name: string;
  /** Which of the three paths include it. Default: all. */
  readonly in?: readonly HealthPath[];
  /** Returns when all is well, throws when not. */
  readonly check: () => void | Promise<void>;
}

export type HealthPath = 'healthz' | 'livez' | 'readyz';

/** Undefined when the path is none of health's. */
export function serveHealth(checks: readonly HealthCheck[], path: string, query: Query): Promise<EdgeResponse> | undefined {
  const match = /^\/(healthz|livez|readyz)(?:\/(.*?))?\/?$/.exec(path);
  if (!match) return undefined;
  const which = match[1] as HealthPath;
  const mine = checks.filter((check) => check.in?.includes(which) ?? true);
  const name = match[2] ?? '';
  return name === '' ? all(which, mine, query) : one(mine, name);
}

async function all(which: HealthPath, checks: readonly HealthCheck[], query: Query): Promise<EdgeResponse> {
  const excluded = allOf(query, 'exclude');
  const lines: string[] = [];
  let failed = false;
  for (const check of checks) {
    if (excluded.includes(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const trouble = await troubleOf(check);
    failed ||= trouble !== undefined;
    lines.push(trouble === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed: reason withheld`);
  }
  const unknown = excluded.filter((name) => !checks.some((check) => check.name === name));
  if (unknown.length > 0)
    lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(', ')}`);
  if (failed) return textResponse(500, `${lines.join('\n')}\n${which} check failed\n`);
  return textResponse(200, isTrue(query, 'verbose') ? `${lines.join('\n')}\n${which} check passed\n` : 'ok');
}

async function one(checks: readonly HealthCheck[], name: string): Promise<EdgeResponse> {
  const check = checks.find((candidate) => candidate.name === name);
  if (!check) return notFoundPage();
  const trouble = await troubleOf(check);
  return trouble === undefined ? textResponse(200, 'ok') : textResponse(500, `internal server error: ${trouble}\n`);
}

async function troubleOf(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check();
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

/** What /version says. */
export interface VersionInfo {
  readonly major: string;
  readonly minor: string;
  /** `v1.36.0+minke0.1.0` */
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly gitTreeState: string;
  readonly buildDate: string;
  readonly goVersion: string;
  readonly compiler: string;
  readonly platform: string;
}

/** The Kubernetes release whose API this is, and Minke's own version. `runtime` is `v20.20.2`, `platform` is `linux/amd64`. */
export const versionInfo = (of: { readonly minke: string; readonly runtime: string; readonly platform: string }): VersionInfo => ({
  major: '1',
  minor: '36',
  gitVersion: `v1.36.0+minke${of.minke}`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node ${of.runtime}`,
  compiler: 'node',
  platform: of.platform,
});

export const serveVersion = (info: VersionInfo): EdgeResponse => jsonResponse(200, info);
