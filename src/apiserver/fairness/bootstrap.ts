// Which of the flow control objects the server keeps as they are written here, and what it says about flow schemas.
import { type ConditionLike, formatTime, type KubeObject, setCondition, type V1FlowSchema } from '../../api/mod.ts';
import { autoUpdateAnnotation, mandatoryNames } from './default-objects.ts';

/** True unless somebody has taken the object over. */
export const isKeptByServer = ({ metadata }: KubeObject): boolean =>
  mandatoryNames.has(metadata?.name ?? '') || metadata?.annotations?.[autoUpdateAnnotation] === 'true';

/** The status that a flow schema should have; undefined when it has it. `isLevel`: whether a priority level of that name is there. */
export function danglingStatus(
  { spec, status }: V1FlowSchema,
  isLevel: (name: string) => boolean,
  nowMs: number,
): V1FlowSchema['status'] | undefined {
  const level = spec?.priorityLevelConfiguration.name ?? '';
  const found = isLevel(level);
  const text = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  const condition = {
    type: 'Dangling',
    status: found ? 'False' : 'True',
    reason: found ? 'Found' : 'NotFound',
    message: found ? `${text} and it exists` : `${text} but there is no such object`,
  };
  // A condition without a type is refused when it is written.
  const standing = status?.conditions as readonly ConditionLike[] | undefined;
  const conditions = setCondition(standing, condition, formatTime(nowMs));
  return conditions === standing ? undefined : { ...status, conditions };
}
