/**
 * A typed event emitter: `Events` maps each event's name to the type of its payload.
 *
 * @template {Record<string, unknown>} Events
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(payload: any) => void>>} */
  #listeners = new Map();

  /**
   * Calls `listener` at every `name` event until the returned function is called.
   *
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(payload: Events[Name]) => void} listener
   * @returns {() => void}
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /**
   * Calls every listener of `name`. A listener that throws does not keep the others from being called: its error is
   * reported as an uncaught one.
   *
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} payload
   */
  emit(name, payload) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(payload);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
