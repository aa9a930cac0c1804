/**
 * How long to wait before the next attempt: exponential backoff with full jitter, so that the clients of a server that
 * restarted do not all come back in the same moment.
 *
 * @param {number} attempt 0 for the first retry
 * @param {{base?: number, cap?: number, random?: () => number}} [options] `base` and `cap` in milliseconds
 * @returns {number} milliseconds
 */
export function backoffDelay(attempt, { base = 500, cap = 16_000, random = Math.random } = {}) {
  return random() * Math.min(cap, base * 2 ** attempt);
}

/** After so many failures in a row the cause is not a passing one: the next one is reported, or left alone. */
export const MAX_ATTEMPTS = 8;
