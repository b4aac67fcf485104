// How the tables in this folder are written.

/**
 * The facts of one package of types, such as io.k8s.api.apps.v1.
 *
 * A field's marks are words: `atomic`, `set`, `map:KEY,KEY` (list type), `atomic-map`, `granular-map` (map type),
 * `patch=merge:KEY`, `patch=merge`, `patch=retainKeys`, `patch=replace`, `patch=merge+retainKeys:KEY` (strategic merge),
 * `quantity` (the value, or what the list or map holds), `go=TYPE` (the Go type where it is a named one), `default=TEXT`.
 */
export interface PackageSemantics {
  /** The prefix of its definitions: `io.k8s.api.apps.v1`. */
  readonly definitions: string;
  readonly group?: string;
  readonly version?: string;
  /** Types that server-side apply replaces as a whole. */
  readonly atomic?: readonly string[];
  readonly fields: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Every type of the package. */
  readonly types: string;
}
