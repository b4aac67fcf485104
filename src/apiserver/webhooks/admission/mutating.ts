// MutatingAdmissionWebhook: the webhooks that a request concerns are asked one after the other, and each may change the object for the next.
import { type Draft, draftOf, equal, internalError, jsonPatch, type KubeObject, PatchError, StatusError } from '../../../api/mod.ts';
import type { AdmissionAttributes, AdmissionPlugin, MutationRound } from '../../admission/chain.ts';
import { type DecodeChanged, type RequestForm, shownIn, takeBack } from '../../admission/request-form.ts';
import { askHook, type CallParts, judgedBy, meetsConditions, selects } from './call.ts';
import type { Hook, HookIndex } from './hooks.ts';
import { ReviewWriter, type Verdict } from './review.ts';

const pluginName = 'MutatingAdmissionWebhook';

export interface MutatingParts extends CallParts {
  readonly decode: DecodeChanged;
}

export function mutatingAdmissionWebhook(parts: MutatingParts, index: HookIndex): AdmissionPlugin {
  return {
    name: pluginName,
    mutate(attributes, draft, round) {
      const { hooks } = index;
      return hooks.length === 0 ? undefined : askInTurn(parts, hooks, { attributes, draft, round });
    },
  };
}

interface Mutation {
  readonly attributes: AdmissionAttributes;
  readonly draft: Draft<KubeObject> | undefined;
  readonly round: MutationRound | undefined;
}

/** Which webhooks are asked a second time: those that want it, once somebody after them has changed the object. */
class Reinvocation {
  readonly #called = new Set<string>();
  readonly #again = new Set<string>();
  /** How the object stood after the first run. */
  output: unknown;

  called(hook: Hook): void {
    if (hook.reinvocable) this.#called.add(hook.id);
  }

  changed(): void {
    for (const id of this.#called) this.#again.add(id);
    this.#called.clear();
  }

  isDue(hook: Hook): boolean {
    return this.#again.has(hook.id);
  }
}

function reinvocationOf(round: MutationRound | undefined): Reinvocation {
  const known = round?.notes.get(pluginName);
  if (known instanceof Reinvocation) return known;
  const made = new Reinvocation();
  round?.notes.set(pluginName, made);
  return made;
}

async function askInTurn(parts: MutatingParts, hooks: readonly Hook[], { attributes, draft, round }: Mutation): Promise<void> {
  const reinvocation = reinvocationOf(round);
  const again = round?.again === true;
  if (again && !equal(reinvocation.output, draft)) reinvocation.changed();
  const object = draft as KubeObject | undefined;
  const judged = judgedBy(parts, attributes, object);
  const reviews = new ReviewWriter(attributes, object);
  for (const [index, hook] of hooks.entries()) {
    if (again && !reinvocation.isDue(hook)) continue;
    const form = selects(hook, judged);
    if (!form || !(await meetsConditions(parts, hook, form, judged))) continue;
    const use = (verdict: Verdict) => applyVerdict(parts, { hook, form, attributes, draft }, verdict);
    const changed = await askHook(parts, 'admit', { hook, form, attributes, reviews, round: again ? 1 : 0, index }, use);
    if (changed !== undefined) noteMutation(attributes, hook, `round_${again ? 1 : 0}_index_${index}`, changed);
    if (changed === true) {
      reviews.changed();
      reinvocation.changed();
      if (round) round.reinvoke = true;
    }
    reinvocation.called(hook);
  }
  if (round?.reinvoke === true && !again) reinvocation.output = draftOf(draft);
}

function noteMutation({ annotate }: AdmissionAttributes, { configuration, name }: Hook, at: string, mutated: boolean): void {
  annotate?.(`mutation.webhook.admission.k8s.io/${at}`, JSON.stringify({ configuration, webhook: name, mutated }));
}

interface Application {
  readonly hook: Hook;
  readonly form: RequestForm;
  readonly attributes: AdmissionAttributes;
  readonly draft: Draft<KubeObject> | undefined;
}

/** True when the webhook has changed the object. Throws StatusError when what it wants makes no object. */
async function applyVerdict(
  { decode }: MutatingParts,
  { hook, form, attributes, draft }: Application,
  { patch }: Verdict,
): Promise<boolean> {
  if (patch === undefined || (Array.isArray(patch) && patch.length === 0)) return false;
  if (!draft) {
    throw internalError(
      `admission webhook ${JSON.stringify(hook.name)} attempted to modify the object, which is not supported for this operation`,
    );
  }
  const shown = shownIn(form, attributes, draft as KubeObject);
  try {
    const patched = jsonPatch(shown, patch);
    if (equal(shown, patched)) return false;
    await takeBack(draft, patched as KubeObject, { form, attributes, decode });
    return true;
  } catch (error) {
    if (error instanceof PatchError || error instanceof StatusError) throw internalError(error);
    throw error;
  }
}
