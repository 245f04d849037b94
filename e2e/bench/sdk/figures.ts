import { createClient, type SottoClient } from '@sotto/sdk';
import type { Page } from 'playwright';

import { seedHistory } from './seed.js';
import { heapAfterCollection, mainThreadClock, quantile, Stage } from './stage.js';
import { noteEverything, readTrace } from './trace.js';

export type Figure = Record<string, number>;

/** Notes the moment of the keydown itself, and when each text first stands in the DOM. */
async function watch(her: Page, his: Page): Promise<void> {
  await her.evaluate(() => {
    addEventListener(
      'keydown',
      (event) => Object.assign(window, { pressedAt: performance.timeOrigin + event.timeStamp }),
      { capture: true },
    );
  });
  await his.evaluate(() => {
    const seen = new Map<string, number>();
    Object.assign(window, { seen });
    const root = document.querySelector('sotto-chat')?.shadowRoot;
    if (!root) throw new Error('no chat on this page');
    new MutationObserver(() => {
      for (const { textContent } of root.querySelectorAll('.message .text'))
        if (!seen.has(textContent)) seen.set(textContent, performance.timeOrigin + performance.now());
    }).observe(root, { childList: true, subtree: true, characterData: true });
  });
}

async function say(her: Page, text: string): Promise<void> {
  const field = her.locator('sotto-chat textarea');
  await field.fill(text);
  await field.press('Enter');
}

async function seenAt(his: Page, text: string): Promise<number> {
  const handle = await his.waitForFunction(
    (wanted) => (window as unknown as { seen: Map<string, number> }).seen.get(wanted),
    text,
  );
  return (await handle.jsonValue()) ?? Number.NaN;
}

/** Keypress on Send until the text stands in the other browser's DOM, milliseconds; and one send in detail. */
export async function sendToDom(
  stage: Stage,
  messages: number,
  trace: boolean,
): Promise<{ figure: Figure; lines: string[] }> {
  const [hers, hisOwn] = [await stage.profile(), await stage.profile()];
  const [her, his] = [await hers.newPage(), await hisOwn.newPage()];
  await stage.visit(her, 'alice', 'bob');
  await stage.visit(his, 'bob', 'alice');
  await watch(her, his);
  const threads = trace ? await noteEverything({ alice: her, bob: his }) : {};
  let clocks: (() => Promise<number>)[] = [];
  const sent: { pressedAt: number; shownAt: number }[] = [];
  for (let i = -20; i < messages; i++) {
    if (i === 0) clocks = await Promise.all([mainThreadClock(her), mainThreadClock(his)]);
    await say(her, `message ${i}`);
    const shownAt = await seenAt(his, `message ${i}`);
    const pressedAt = await her.evaluate(() => (window as unknown as { pressedAt: number }).pressedAt);
    // The first are for sessions, prekeys and code to get warm.
    if (i >= 0) sent.push({ pressedAt, shownAt });
  }
  const [hersMs = Number.NaN, hisMs = Number.NaN] = await Promise.all(clocks.map((clock) => clock()));
  const lines = await readTrace(threads, sent);
  await Promise.all([hers.close(), hisOwn.close()]);
  const times = sent.map(({ pressedAt, shownAt }) => shownAt - pressedAt);
  const figure = {
    messages,
    p10: quantile(times, 0.1),
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    max: quantile(times, 1),
    senderCpuPerMessage: hersMs / messages,
    receiverCpuPerMessage: hisMs / messages,
  };
  return { figure, lines };
}

/** Opens with a long history: milliseconds until the list of conversations is painted. */
export async function openLong(stage: Stage, runs: number): Promise<Figure> {
  const context = await stage.profile();
  const page = await stage.open(context, 'carol', '');
  await seedHistory(page, 0, 10_000, 10);
  const sinceNavigation: number[] = [];
  const sinceModule: number[] = [];
  for (let run = 0; run < runs; run++) {
    await page.reload();
    const handle = await page.waitForFunction(() => window.bench?.marks.listPainted && window.bench.marks);
    const { module, listPainted = Number.NaN } = (await handle.jsonValue()) as { module: number; listPainted?: number };
    sinceNavigation.push(listPainted);
    sinceModule.push(listPainted - module);
  }
  await context.close();
  return {
    conversations: 10_000,
    messages: 100_000,
    sinceNavigation: quantile(sinceNavigation, 0.5),
    sinceScript: quantile(sinceModule, 0.5),
  };
}

/** Scrolls back through a conversation of 100,000 messages in the widget, `pixels` a frame, for at most `seconds`. */
export async function scrollBack(stage: Stage, seconds: number, pixels: number): Promise<Figure> {
  const context = await stage.profile();
  const page = await stage.open(context, 'dave', 'erin');
  await say(page, 'the newest');
  await page.waitForFunction(() => window.bench?.client.conversations.get().length === 1);
  await seedHistory(page, 100_000, 0, 0);
  await page.reload();
  await page.waitForFunction(
    () => (document.querySelector('sotto-chat')?.shadowRoot?.querySelectorAll('.message').length ?? 0) > 40,
  );
  const result = await page.evaluate(
    async ([seconds, pixels]) => {
      const scroller = document.querySelector('sotto-chat')?.shadowRoot?.querySelector('.scroller');
      const conversation = window.bench?.client.direct('erin');
      if (!scroller || !conversation) throw new Error('no chat');
      const frames: number[] = [];
      let heap = 0;
      let rows = 0;
      const begin = performance.now();
      let last = begin;
      while (performance.now() - begin < seconds * 1_000) {
        const at = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
        frames.push(at - last);
        last = at;
        scroller.scrollTop -= pixels;
        // Now and then: looking costs a part of the frame that is measured.
        if (frames.length % 30 !== 0) continue;
        const { usedJSHeapSize } = (performance as unknown as { memory: { usedJSHeapSize: number } }).memory;
        heap = Math.max(heap, usedJSHeapSize);
        rows = Math.max(rows, scroller.querySelectorAll('.message').length);
        const { earlier } = conversation.edges.get();
        if (!earlier && scroller.scrollTop <= -(scroller.scrollHeight - scroller.clientHeight) + 1) break;
      }
      const oldest = Number(conversation.messages.get()[0]?.text.split(' ')[0]);
      return { frames: frames.slice(1), heap, rows, oldest };
    },
    [seconds, pixels] as const,
  );
  const session = await context.newCDPSession(page);
  const after = await heapAfterCollection(session);
  await context.close();
  const { frames } = result;
  return {
    messagesPassed: 100_000 - result.oldest,
    frames: frames.length,
    framesPerSecond: (frames.length * 1_000) / frames.reduce((sum, ms) => sum + ms, 0),
    frameP95: quantile(frames, 0.95),
    frameMax: quantile(frames, 1),
    rowsInDom: result.rows,
    heapMaxMB: result.heap / 1e6,
    heapAfterMB: after / 1e6,
  };
}

/** A backlog from many senders, written while nobody was there: seconds from navigation until all of it is listed. */
export async function backlog(stage: Stage, senders: number, each: number): Promise<Figure> {
  const context = await stage.profile();
  await (await stage.open(context, 'frank', '')).close();
  for (let from = 0; from < senders; from += 10) {
    await Promise.all(
      Array.from({ length: Math.min(10, senders - from) }, (_, i) =>
        sendAll(stage, `sender ${from + i}`, 'frank', each),
      ),
    );
  }
  const page = await context.newPage();
  let seconds = Number.NaN;
  const longestTaskCpuMs = await stage.longestTask(page, async () => {
    const began = performance.now();
    await stage.visit(page, 'frank', '');
    await page.evaluate(
      ([senders, total]) =>
        new Promise<void>((resolve) => {
          const client = window.bench?.client;
          if (!client) throw new Error('no client');
          let extended = false;
          const stop = client.conversations.subscribe((list) => {
            if (!extended && list.length < senders)
              void client.loadMoreConversations(senders).then((more) => (extended = extended || more));
            if (list.reduce((sum, { unread }) => sum + unread, 0) < total) return;
            resolve();
            queueMicrotask(() => stop());
          });
        }),
      [senders, senders * each] as const,
    );
    seconds = (performance.now() - began) / 1_000;
  });
  const longTasks = await page.evaluate(() => window.bench?.longTasks ?? []);
  await context.close();
  return {
    senders,
    envelopes: senders * each,
    seconds,
    longTasks: longTasks.length,
    longestTaskMs: Math.max(0, ...longTasks),
    longestTaskCpuMs,
  };
}

async function sendAll(stage: Stage, user: string, peer: string, count: number): Promise<void> {
  const token = (): Promise<string> => Stage.token(user);
  const client: SottoClient = await createClient({
    relay: stage.relay.url,
    app: stage.app,
    user,
    token,
    storage: 'memory',
  });
  const conversation = client.direct(peer);
  for (let i = 0; i < count; i++) await conversation.send(`${i} from ${user}`);
  await new Promise<void>((resolve) => {
    const stop = conversation.messages.subscribe((list) => {
      const waiting = list.some((message) => message.kind === 'text' && message.status === 'pending');
      if (list.length < Math.min(count, 50) || waiting) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
  await client.close();
}

/** The leading tab's process ends: milliseconds until the other tab shows a message that was sent right after. */
export async function leaderKilled(stage: Stage, runs: number): Promise<Figure> {
  const [hers, hisOwn] = [await stage.profile(), await stage.profile()];
  const her = await stage.open(hers, 'grace', 'heidi');
  let leader = await stage.open(hisOwn, 'heidi', 'grace');
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const follower = await stage.open(hisOwn, 'heidi', 'grace');
    await watch(her, follower);
    await say(her, `before ${run}`);
    await seenAt(follower, `before ${run}`);
    const session = await hisOwn.newCDPSession(leader);
    const crashed = new Promise((resolve) => leader.once('crash', resolve));
    const killedAt = performance.timeOrigin + performance.now();
    void session.send('Page.crash').catch(() => undefined);
    await crashed;
    await say(her, `after ${run}`);
    times.push((await seenAt(follower, `after ${run}`)) - killedAt);
    await leader.close();
    leader = follower;
  }
  await Promise.all([hers.close(), hisOwn.close()]);
  return { runs, p50: quantile(times, 0.5), max: quantile(times, 1) };
}

/** Opens and closes clients in one page: bytes of heap that each has left behind, after collection. */
export async function openAndClose(stage: Stage, times: number): Promise<Figure> {
  const context = await stage.profile();
  const page = await stage.open(context, 'ivan', '');
  const session = await context.newCDPSession(page);
  const round = (count: number): Promise<void> =>
    page.evaluate(async (count) => {
      for (let i = 0; i < count; i++) {
        const client = await window.bench?.open();
        const stop = client?.conversations.subscribe(() => undefined);
        stop?.();
        await client?.close();
      }
    }, count);
  // As many before: until then compiled code grows as well.
  await round(times);
  const before = await heapAfterCollection(session);
  await round(times);
  const after = await heapAfterCollection(session);
  await context.close();
  return {
    opens: times,
    heapBeforeMB: before / 1e6,
    heapAfterMB: after / 1e6,
    bytesPerOpen: (after - before) / times,
  };
}
