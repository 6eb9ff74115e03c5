import { describe, expect, it } from "vitest";

import type { JsonObject } from "../editor/model/json";
import type { Step } from "./data";
import { parentOf, treeOf } from "./tree";

const step = (stepPath: string, iteration = "", status: Step["status"] = "SUCCEEDED") =>
  ({ stepPath, iteration, status, stepId: `${stepPath}#${iteration}` }) as Step;

const DEFINITION: JsonObject = {
  steps: [
    { id: "a", type: "action.call", config: {} },
    {
      id: "loop",
      type: "control.forEach",
      body: [{ id: "if", type: "control.if", then: [{ id: "b", type: "action.call" }], else: [] }],
    },
    { id: "z", type: "control.return" },
  ],
};

describe("where a step stands", () => {
  it("is the definition, a block, or an item of a loop", () => {
    expect(parentOf("root.steps[3]", "")).toBeNull();
    expect(parentOf("root.steps[3].then.steps[0]", "2")).toEqual({
      path: "root.steps[3]",
      block: "then",
      item: null,
      iteration: "2",
    });
    expect(parentOf("root.steps[0].body.steps[1].body.steps[0]", "3.1")).toEqual({
      path: "root.steps[0].body.steps[1]",
      block: "body",
      item: 1,
      iteration: "3",
    });
  });
});

describe("the tree of a run", () => {
  const tree = treeOf(DEFINITION, [
    step("root.steps[0]"),
    step("root.steps[1]", "", "FAILED"),
    step("root.steps[1].body.steps[0].then.steps[0]", "10", "FAILED"),
    step("root.steps[1].body.steps[0].then.steps[0]", "2"),
  ]);

  it("has the definition's own steps, whether or not they were reached", () => {
    expect(tree.map((node) => (node.own as { id: string }).id)).toEqual(["a", "loop", "z"]);
    expect(tree.map((node) => node.step?.status)).toEqual(["SUCCEEDED", "FAILED", undefined]);
  });

  it("has a part for each item, in order, with the blocks of which nothing was written", () => {
    const parts = tree[1]?.parts ?? [];
    expect(parts.map((part) => [part.block, part.item, part.state])).toEqual([
      ["body", 2, "done"],
      ["body", 10, "failed"],
    ]);
    const [branch] = parts[0]?.steps ?? [];
    expect([branch?.step, (branch?.own as { id: string }).id]).toEqual([undefined, "if"]);
    expect(branch?.parts[0]?.steps.map((node) => (node.own as { id: string }).id)).toEqual(["b"]);
  });

  it("also has steps that the definition does not", () => {
    const [only] = treeOf({ steps: [] }, [step("root.steps[7]")]);
    expect([only?.own, only?.step?.stepPath]).toEqual([undefined, "root.steps[7]"]);
  });
});
