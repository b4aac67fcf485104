// ValidatingAdmissionWebhook: every webhook that a request concerns is asked at the same time, and each may refuse it.
import type { KubeObject } from '../../../api/mod.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../../admission/chain.ts';
import type { RequestForm } from '../../admission/request-form.ts';
import { askHook, type CallParts, judgedBy, meetsConditions, selects } from './call.ts';
import type { Hook, HookIndex } from './hooks.ts';
import { ReviewWriter } from './review.ts';

export function validatingAdmissionWebhook(parts: CallParts, index: HookIndex): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionWebhook',
    validate(attributes, object) {
      const { hooks } = index;
      if (hooks.length === 0) return;
      const judged = judgedBy(parts, attributes, object);
      const asked = hooks.flatMap((hook) => {
        const form = selects(hook, judged);
        return form ? [{ hook, form }] : [];
      });
      return asked.length === 0 ? undefined : askAll(parts, attributes, object, asked);
    },
  };
}

type Asked = readonly { readonly hook: Hook; readonly form: RequestForm }[];

async function askAll(parts: CallParts, attributes: AdmissionAttributes, object: KubeObject | undefined, selected: Asked): Promise<void> {
  const judged = judgedBy(parts, attributes, object);
  const asked: { readonly hook: Hook; readonly form: RequestForm }[] = [];
  for (const one of selected) if (await meetsConditions(parts, one.hook, one.form, judged)) asked.push(one);
  const reviews = new ReviewWriter(attributes, object);
  const calls = asked.map(({ hook, form }, index) =>
    askHook(parts, 'validating', { hook, form, attributes, reviews, round: 0, index }, () => undefined),
  );
  // All are waited for, so that the answer is that of the first in order, whoever was quicker.
  for (const each of await Promise.allSettled(calls)) if (each.status === 'rejected') throw each.reason;
}
