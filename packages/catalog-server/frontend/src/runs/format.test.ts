import { describe, expect, it } from "vitest";

import { milliseconds } from "./format";

describe("how long something took", () => {
  it("has no sixty seconds", () => {
    const taken = [-5, 999.6, 1_000, 59_940, 59_960, 60_400, 119_600, 3_600_000];
    expect(taken.map(milliseconds)).toEqual([
      "0 ms",
      "1.0 s",
      "1.0 s",
      "59.9 s",
      "1 min 0 s",
      "1 min 0 s",
      "2 min 0 s",
      "60 min 0 s",
    ]);
  });
});
