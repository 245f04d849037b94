import { SottoError } from '../errors.js';

/**
 * A part of Sotto that is not there from the start. Where its file cannot be had, the relay could not be reached either.
 *
 * @throws SottoError `relay-unreachable`
 */
export async function fetched<M>(part: Promise<M>): Promise<M> {
  try {
    return await part;
  } catch (cause) {
    throw new SottoError('relay-unreachable', 'a part of Sotto could not be fetched', { cause });
  }
}
