// Evaluates every expression of expectations.json with the reference implementation and writes what it gives beside it.
// To add a case, add its "data" and "expression"; where we mean to differ, also "ours" and "because".

import { readFileSync, writeFileSync } from "node:fs";
import jsonata from "jsonata";

const file = new URL("expectations.json", import.meta.url);
const { now, data, cases } = JSON.parse(readFileSync(file, "utf8"));

// Time and chance stand still, so that what depends on them can be recorded.
process.env.TZ = "UTC";
Math.random = () => 0.5;
const HostDate = Date;
globalThis.Date = class extends HostDate {
  constructor(...args) {
    super(...(args.length ? args : [now]));
  }
  static now() {
    return HostDate.parse(now);
  }
};

// Functions, infinities and NaN cannot leave an expression as JSON; what is missing leaves a list as null.
const isJson = (value) =>
  value !== null && typeof value === "object"
    ? !value._jsonata_lambda && !value._jsonata_function && (Array.isArray(value) ? value : Object.values(value)).every((item) => item === undefined || isJson(item))
    : value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);

async function outcome(expression, input) {
  let result;
  try {
    result = await jsonata(expression).evaluate(structuredClone(input));
  } catch (error) {
    return { error: error.code ?? error.name };
  }
  if (result === undefined) return { missing: true };
  return isJson(result) ? { result } : { error: "not JSON" };
}

const lines = [];
for (const { data: name, expression, ours, because } of cases) {
  const found = await outcome(expression, data[name]);
  lines.push(JSON.stringify({ data: name, expression, ...found, ours, because }));
}
const samples = Object.entries(data).map(([name, sample]) => `${JSON.stringify(name)}: ${JSON.stringify(sample)}`);
writeFileSync(
  file,
  `{"now": ${JSON.stringify(now)},\n"data": {\n${samples.join(",\n")}\n},\n"cases": [\n${lines.join(",\n")}\n]}\n`,
);
