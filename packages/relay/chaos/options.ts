import { parseArgs } from 'node:util';

import { FAULTS, type Fault } from './plan.js';

export interface Options {
  faults: number;
  pairs: number;
  seed: number;
  only: Fault | undefined;
  beside: string | undefined;
}

/** @throws Error with a sentence for whoever typed it */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      faults: { type: 'string', default: '200' },
      pairs: { type: 'string', default: '6' },
      seed: { type: 'string' },
      only: { type: 'string' },
      beside: { type: 'string' },
    },
  });
  return {
    faults: wholeNumber('faults', values.faults),
    pairs: wholeNumber('pairs', values.pairs),
    seed: values.seed === undefined ? Date.now() % 1_000_000 : wholeNumber('seed', values.seed),
    only: values.only === undefined ? undefined : faultNamed(values.only),
    beside: values.beside,
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} is a whole number, not ${JSON.stringify(text)}.`);
  return Number(text);
}

function faultNamed(name: string): Fault {
  const fault = FAULTS.find((each) => each === name);
  if (!fault) throw new Error(`There is no fault called ${JSON.stringify(name)}. There are: ${FAULTS.join(', ')}.`);
  return fault;
}
