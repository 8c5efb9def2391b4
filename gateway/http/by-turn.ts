/**
 * Hands things on together when everything that has arrived at the process has been read. One after the other, as they
 * arrive, they would cost more: each would run its first steps alone, within the parser, and wait for a body that the
 * parser reads next. `handle` does not throw.
 */
export function byTurn<T>(handle: (thing: T) => void): (thing: T) => void {
  let arrived: T[] = [];
  const handOn = () => {
    const things = arrived;
    arrived = [];
    for (const thing of things) handle(thing);
  };
  return (thing) => {
    if (arrived.length === 0) setImmediate(handOn);
    arrived.push(thing);
  };
}
