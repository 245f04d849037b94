import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { FakeBrowser, type FakeTab } from '../../test/support/fake-browser.js';
import { answerFollowers, startElection, type Election, type Lead } from './election.js';

/** A follower asks every five seconds and waits two for the answer; whoever resigned stands again after one. */
const SILENCE_NOTICED_MS = 7_000;
const RESIGNED_MS = 1_000;

let browser: FakeBrowser;
beforeEach(() => {
  browser = new FakeBrowser().install();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const pass = (ms: number): Promise<void> => browser.pass(ms);
const settled = (): Promise<void> => pass(0);

interface Options {
  visible?: boolean;
  /** What starting and ending the engine takes. */
  start?: () => Promise<void>;
  end?: () => Promise<void>;
}

const atOnce = async (): Promise<void> => undefined;
const never = (): Promise<void> => new Promise(() => undefined);

/** A tab that stands for election. */
class Candidate {
  readonly tab: FakeTab;
  state: 'follows' | 'starts' | 'leads' = 'follows';
  begun = 0;
  /** Engines that have not stopped. */
  engines = 0;
  resign: () => void = () => undefined;
  readonly #election: Election;

  constructor(name: string, { visible = true, start = atOnce, end = atOnce }: Options = {}) {
    this.tab = browser.open(name, visible ? 'visible' : 'hidden');
    this.#election = this.tab.run(() => startElection('lock', 'channel', this.tab.clock, this.#lead(start, end)));
  }

  stop(): Promise<void> {
    return this.tab.run(() => this.#election.stop());
  }

  /** As `lead-here.ts` does it: the engine answers for itself once it runs. */
  #lead(start: () => Promise<void>, end: () => Promise<void>): Lead {
    return async (resign) => {
      this.state = 'starts';
      this.begun++;
      this.resign = () => this.tab.run(resign);
      await start();
      this.engines++;
      this.state = 'leads';
      const stopAnswering = this.tab.run(() => answerFollowers('channel'));
      return async () => {
        stopAnswering();
        await end();
        this.state = 'follows';
        this.engines--;
      };
    };
  }
}

const pair = async (options?: { visible?: boolean }): Promise<{ first: Candidate; second: Candidate }> => {
  const first = new Candidate('first');
  await settled();
  const second = new Candidate('second', options);
  await settled();
  expect([first.state, second.state]).toEqual(['leads', 'follows']);
  return { first, second };
};

test('one leads; when its tab closes or crashes, the next one does, without waiting', async () => {
  const { first, second } = await pair();
  first.tab.close();
  await settled();
  expect(second.state).toBe('leads');
});

describe('a follower asks', () => {
  test('a leader that answers keeps its lock, however long it is asked', async () => {
    const { first, second } = await pair();
    const asked = vi.fn();
    first.tab.run(() => new BroadcastChannel('channel')).addEventListener('message', asked);
    await pass(10 * SILENCE_NOTICED_MS);
    expect(asked.mock.calls.length).toBeGreaterThan(5);
    expect([first.state, second.state]).toEqual(['leads', 'follows']);
    expect(first.begun).toBe(1);
  });

  test('one whose engine is still starting answers too', async () => {
    const first = new Candidate('first', { start: never });
    await settled();
    const second = new Candidate('second');
    await pass(5 * SILENCE_NOTICED_MS);
    expect([first.state, second.state]).toEqual(['starts', 'follows']);
  });

  test('a silent one loses the lock to the follower that asked', async () => {
    const { first, second } = await pair();
    first.tab.standStill();
    await pass(SILENCE_NOTICED_MS - 1);
    expect(second.state).toBe('follows');
    await pass(1);
    expect(second.state).toBe('leads');
  });

  test('one that stood still for less than the answer may take keeps the lock', async () => {
    const { first, second } = await pair();
    first.tab.standStill();
    await pass(SILENCE_NOTICED_MS - 100);
    first.tab.goOn();
    await pass(3 * SILENCE_NOTICED_MS);
    expect([first.state, second.state]).toEqual(['leads', 'follows']);
    expect(second.begun).toBe(0);
  });

  test('a hidden one never takes the lock; when it is seen, it does', async () => {
    const { first, second } = await pair({ visible: false });
    first.tab.standStill();
    await pass(20 * SILENCE_NOTICED_MS);
    expect(second.begun).toBe(0);
    second.tab.document.visibilityState = 'visible';
    await pass(SILENCE_NOTICED_MS);
    expect(second.state).toBe('leads');
  });

  test('of two that hear nothing, one leads in the end', async () => {
    const { first, second } = await pair();
    const third = new Candidate('third');
    first.tab.standStill();
    await pass(3 * SILENCE_NOTICED_MS);
    expect([second, third].filter(({ state }) => state === 'leads')).toHaveLength(1);
    expect(second.engines + third.engines).toBe(1);
  });
});

describe('the robbed leader', () => {
  const robbed = async (): Promise<{ first: Candidate; second: Candidate }> => {
    const both = await pair();
    both.first.tab.standStill();
    await pass(SILENCE_NOTICED_MS);
    expect(both.second.state).toBe('leads');
    both.first.tab.goOn();
    await settled();
    return both;
  };

  test('stops leading as soon as it runs again, and takes nothing back', async () => {
    const { first, second } = await robbed();
    expect([first.state, first.engines]).toEqual(['follows', 0]);
    await pass(5 * SILENCE_NOTICED_MS);
    expect([first.state, second.state]).toEqual(['follows', 'leads']);
    expect(first.begun).toBe(1);
  });

  test('stands again behind the thief: it leads when that one closes', async () => {
    const { first, second } = await robbed();
    await pass(RESIGNED_MS);
    expect(browser.requests).toEqual({ held: 1, queued: 1 });
    second.tab.close();
    await settled();
    expect([first.state, first.engines, first.begun]).toEqual(['leads', 1, 2]);
  });
});

describe.each([
  ['pagehide', 'pageshow'],
  ['freeze', 'resume'],
] as const)('at %s', (going, coming) => {
  const tell = ({ tab }: Candidate, event: typeof going | typeof coming): void =>
    event === 'pagehide' || event === 'pageshow' ? tab.pageEvent(event) : tab.documentEvent(event);

  test('a leader lets go at once, though its engine has not stopped', async () => {
    const first = new Candidate('first', { end: never });
    const second = new Candidate('second');
    await settled();
    tell(first, going);
    await settled();
    expect([first.engines, second.state]).toEqual([1, 'leads']);
  });

  test(`with ${coming} it comes back, behind whoever leads by then`, async () => {
    const { first, second } = await pair();
    tell(first, going);
    first.tab.standStill();
    await settled();
    first.tab.goOn();
    tell(first, coming);
    await settled();
    expect([first.state, first.engines, second.state]).toEqual(['follows', 0, 'leads']);
    second.tab.close();
    await settled();
    expect(first.state).toBe('leads');
  });

  test(`with ${coming} the only tab leads again`, async () => {
    const first = new Candidate('first');
    await settled();
    tell(first, going);
    await settled();
    expect([first.state, first.engines]).toEqual(['follows', 0]);
    tell(first, coming);
    await settled();
    expect([first.state, first.engines]).toEqual(['leads', 1]);
  });

  test(`a follower leaves the queue, and is back in it with ${coming}`, async () => {
    const { first, second } = await pair();
    tell(second, going);
    await settled();
    expect(browser.requests).toEqual({ held: 1, queued: 0 });
    tell(second, coming);
    await settled();
    expect(browser.requests).toEqual({ held: 1, queued: 1 });
    first.tab.close();
    await settled();
    expect(second.state).toBe('leads');
  });
});

describe('who resigns', () => {
  test('lets another tab lead, and stands behind it', async () => {
    const { first, second } = await pair();
    first.resign();
    await settled();
    expect([first.state, second.state]).toEqual(['follows', 'leads']);
    await pass(RESIGNED_MS);
    second.tab.close();
    await settled();
    expect(first.state).toBe('leads');
  });

  test('leads again after a second when it is alone; so does one whose engine could not start', async () => {
    let refusals = 3;
    const only = new Candidate('only', {
      start: async () => {
        if (refusals-- > 0) throw new Error('refused');
      },
    });
    await settled();
    expect(only.engines).toBe(0);
    await pass(3 * RESIGNED_MS);
    expect([only.state, only.begun]).toEqual(['leads', 4]);
    only.resign();
    await settled();
    expect(only.state).toBe('follows');
    await pass(RESIGNED_MS);
    expect(only.state).toBe('leads');
  });
});

describe('stop() leaves nothing behind', () => {
  /** No lock, no timer, no channel, no listener, no engine. */
  const expectNothingOf = (candidate: Candidate): void => {
    expect(browser.requests).toEqual({ held: 0, queued: 0 });
    expect(browser.timers).toBe(0);
    expect(browser.channels.size).toBe(0);
    expect(candidate.engines).toBe(0);
    expect(candidate.tab.window.listeners + candidate.tab.document.listeners).toBe(0);
  };

  test('while it leads', async () => {
    const only = new Candidate('only');
    await settled();
    await only.stop();
    await settled();
    expectNothingOf(only);
  });

  test('before its request was granted', async () => {
    const only = new Candidate('only');
    await only.stop();
    await settled();
    expectNothingOf(only);
    expect(only.begun).toBe(0);
  });

  test('while its engine starts: it waits for that, and ends it', async () => {
    let start: () => void = () => undefined;
    const only = new Candidate('only', { start: () => new Promise((resolve) => (start = resolve)) });
    await settled();
    const stopped = only.stop();
    await settled();
    expect(browser.requests.held).toBe(1);
    start();
    await stopped;
    await settled();
    expectNothingOf(only);
  });

  test('while it waits, and while it waits for an answer', async () => {
    const { first, second } = await pair();
    const third = new Candidate('third');
    await second.stop();
    await settled();
    expect(browser.requests).toEqual({ held: 1, queued: 1 });
    first.tab.standStill();
    await pass(6_000);
    await third.stop();
    first.tab.close();
    await first.stop();
    await settled();
    expect([second.begun, third.begun]).toEqual([0, 0]);
    for (const candidate of [second, third]) expectNothingOf(candidate);
  });

  test('in the second after it resigned', async () => {
    const only = new Candidate('only');
    await settled();
    only.resign();
    await settled();
    await only.stop();
    expectNothingOf(only);
    await pass(2 * RESIGNED_MS);
    expect(only.begun).toBe(1);
  });

  test('after it was robbed', async () => {
    const { first, second } = await pair();
    first.tab.standStill();
    await pass(SILENCE_NOTICED_MS);
    first.tab.goOn();
    await settled();
    await Promise.all([first.stop(), second.stop()]);
    await settled();
    for (const candidate of [first, second]) expectNothingOf(candidate);
  });
});
