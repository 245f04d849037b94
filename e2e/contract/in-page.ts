/**
 * As much of vitest as the storage contract asks for, with vitest's own matchers, for browsers that vitest's browser mode cannot
 * drive. Takes the place of `vitest` in the bundle.
 */
import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

type Step = () => unknown;

interface Suite {
  readonly name: string;
  readonly before: Step[];
  readonly after: Step[];
}

/** What a test came to; `error` null: it passed. */
export interface Outcome {
  readonly name: string;
  readonly error: string | null;
}

declare global {
  interface Window {
    runContract?: () => Promise<Outcome[]>;
  }
}

const suites: Suite[] = [];
const tests: { readonly name: string; readonly within: readonly Suite[]; readonly run: Step }[] = [];

export const expect = chai.expect;

export function describe(name: string, declare: () => void): void {
  suites.push({ name, before: [], after: [] });
  declare();
  suites.pop();
}

export function test(name: string, run: Step): void {
  tests.push({ name: [...suites.map((suite) => suite.name), name].join(' > '), within: [...suites], run });
}

export const beforeEach = (step: Step): void => void suites.at(-1)?.before.push(step);
export const afterEach = (step: Step): void => void suites.at(-1)?.after.push(step);

async function outcomeOf({ name, within, run }: (typeof tests)[number]): Promise<Outcome> {
  try {
    for (const { before } of within) for (const step of before) await step();
    await run();
    for (const { after } of within) for (const step of after) await step();
    return { name, error: null };
  } catch (error) {
    return { name, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

window.runContract = async () => {
  const outcomes: Outcome[] = [];
  for (const one of tests) outcomes.push(await outcomeOf(one));
  return outcomes;
};
