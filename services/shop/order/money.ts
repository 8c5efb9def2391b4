/** An amount of money as in google.type.Money: whole units and billionths of a unit, of one currency. */
export interface Amount {
  readonly currencyCode: string;
  readonly units: bigint;
  readonly nanos: number;
}

const nanosPerUnit = 1_000_000_000n;

/** Multiplies an amount by a whole number, exactly. */
export function times(amount: Amount, count: number): Amount {
  return fromNanos(amount.currencyCode, toNanos(amount) * BigInt(count));
}

/** Adds two amounts of one currency, exactly. */
export function plus(a: Amount, b: Amount): Amount {
  return fromNanos(a.currencyCode, toNanos(a) + toNanos(b));
}

function toNanos({ units, nanos }: Amount): bigint {
  return units * nanosPerUnit + BigInt(nanos);
}

function fromNanos(currencyCode: string, total: bigint): Amount {
  return { currencyCode, units: total / nanosPerUnit, nanos: Number(total % nanosPerUnit) };
}
