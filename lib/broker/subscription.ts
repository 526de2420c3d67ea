import {
  compileRecordFilter,
  type FilterSpec,
  type RecordFilter,
  type RecordTest,
  ResponseCode,
  SQL92,
  type SubscriptionData,
  TAG,
  parseTagExpression,
} from '../protocol/index.js';

/** Why a subscription cannot be served, as its pulls are told. */
export interface SubscriptionProblem {
  readonly code: number;
  readonly remark: string;
}

/** What a member wants of one topic, compiled once per change. */
export interface Subscription {
  readonly topic: string;
  /** As it came. */
  readonly wanted: Wanted;
  /** The same for two that want the same. */
  readonly wish: string;
  readonly version: number;
  readonly problem: SubscriptionProblem | undefined;
  /** Tests a tag's hash; undefined when every message passes. */
  readonly matches: ((tagsCode: number) => boolean) | undefined;
  /** Tests the message itself; undefined when the hash decides. */
  readonly accepts: RecordTest | undefined;
}

export type Wanted = Pick<SubscriptionData, 'topic' | 'subString' | 'expressionType' | 'subVersion' | 'NESTMQ_FILTERS'>;

/** What two subscriptions have in common that want the same of a topic. */
export function wishOf({ subString, expressionType, NESTMQ_FILTERS: filters }: Wanted): string {
  const wish = `${expressionType === '' ? TAG : expressionType} ${subString}`;
  return filters === undefined ? wish : `${wish} ${JSON.stringify(filters)}`;
}

/** Never throws: what is wrong with the expression is what pulls are answered with. */
export function compileSubscription(wanted: Wanted, sqlFilters: boolean): Subscription {
  const { topic, subVersion: version } = wanted;
  const wish = wishOf(wanted);
  let filter: RecordFilter = { codes: undefined, test: undefined };
  let problem: SubscriptionProblem | undefined;
  try {
    const specs = specsOf(wanted);
    if (specs === 'unknown type') {
      problem = {
        code: ResponseCode.SYSTEM_ERROR,
        remark: `NOT_SUPPORTED: The broker does not filter by ${wanted.expressionType}; subscribe by TAG or SQL92.`,
      };
    } else if (!sqlFilters && specs.some(({ selector }) => selector !== undefined)) {
      problem = {
        code: ResponseCode.SYSTEM_ERROR,
        remark:
          'NOT_SUPPORTED: The broker does not support consumer to filter message by SQL92; set its sqlFilters to true.',
      };
    } else {
      filter = wanted.NESTMQ_FILTERS === undefined && isTag(wanted) ? byTags(wanted) : compileRecordFilter(specs);
    }
  } catch (error) {
    const remark = `BAD_ARGUMENT: ${error instanceof Error ? error.message : String(error)}`;
    problem = { code: ResponseCode.SUBSCRIPTION_PARSE_FAILED, remark };
  }
  const { codes, test } = filter;
  return { topic, wanted, wish, version, problem, matches: codes && codes.has.bind(codes), accepts: test };
}

function specsOf(wanted: Wanted): readonly FilterSpec[] | 'unknown type' {
  if (wanted.NESTMQ_FILTERS !== undefined) return wanted.NESTMQ_FILTERS;
  if (isTag(wanted)) return [];
  return wanted.expressionType === SQL92 ? [{ selector: wanted.subString }] : 'unknown type';
}

function isTag({ expressionType }: Wanted): boolean {
  return expressionType === TAG || expressionType === '';
}

/** As RocketMQ reads them: a `*` in a word is a character. */
function byTags({ subString }: Wanted): RecordFilter {
  const { matchesAll, codes } = parseTagExpression(subString);
  return { codes: matchesAll ? undefined : codes, test: undefined };
}

/** As tools are told of it. */
export function subscriptionDataOf(wanted: Wanted): SubscriptionData {
  const tags = isTag(wanted) ? parseTagExpression(wanted.subString) : undefined;
  return {
    topic: wanted.topic,
    subString: wanted.subString,
    tagsSet: [...(tags?.tags ?? [])],
    codeSet: [...(tags?.codes ?? [])],
    subVersion: wanted.subVersion,
    expressionType: isTag(wanted) ? TAG : wanted.expressionType,
    classFilterMode: false,
  };
}
