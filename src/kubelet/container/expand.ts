// $(VAR) references in commands, arguments and values.
// Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/

/** Replaces `$(NAME)` by its value. `$$` gives `$`; a reference without a value stays as it is written. */
export function expand(text: string, lookUp: (name: string) => string | undefined): string {
  let out = '';
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0 || dollar + 1 >= text.length) return out + text.slice(at);
    out += text.slice(at, dollar);
    const next = text[dollar + 1];
    const end = next === '(' ? text.indexOf(')', dollar + 2) : -1;
    if (next === '$') {
      out += '$';
      at = dollar + 2;
    } else if (end >= 0) {
      out += lookUp(text.slice(dollar + 2, end)) ?? text.slice(dollar, end + 1);
      at = end + 1;
    } else {
      out += next === '(' ? '$(' : `$${next}`;
      at = dollar + 2;
    }
  }
  return out;
}
