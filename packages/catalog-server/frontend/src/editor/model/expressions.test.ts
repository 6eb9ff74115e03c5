import { describe, expect, it } from "vitest";

import { asReference, readPaths, referenceText, renamePaths, replacePath } from "./expressions";

const paths = (source: string) => readPaths(source).map((path) => path.map((each) => each.name).join("."));

describe("paths that an expression reads", () => {
  it.each([
    ["vars.ticket.id & payload.title", ["vars.ticket.id", "payload.title"]],
    ["'vars.a' & \"payload.b\" /* vars.c */", []],
    ["vars.list[id = vars.wanted].name", ["vars.list"]],
    ["vars.list[0].name", ["vars.list"]],
    ["items.(name & vars.x)", ["items"]],
    ["$map(vars.list, function($each) { $each.id = vars.wanted })", ["vars.list", "vars.wanted"]],
    ["{ 'a': vars.a, 'b': [payload.b] }", ["vars.a", "payload.b"]],
    ["vars.a{id: name}", ["vars.a"]],
    ["$sort(vars.a, function($a, $b) { $a.x < $b.x })[0]", ["vars.a"]],
    ["vars.a^(>price)", ["vars.a"]],
    ["coalesce(vars.a, null, true)", ["vars.a"]],
    ["`odd name`.b and vars.c or in", ["odd name.b", "vars.c", "in"]],
    ["$$.vars.a", ["vars.a"]],
    ["vars.list[$$.vars.b = id]", ["vars.list", "vars.b"]],
    ["vars.list.$contains(name, vars.x)", ["vars.list"]],
    ["$contains(vars.t, /vars\\.x/i) ? 4 / vars.n / 2 : 0", ["vars.t", "vars.n"]],
    ["vars.'with blank'.id", ["vars.with blank.id"]],
    ["'open", []],
  ])("%s", (source, expected) => {
    expect(paths(source)).toEqual(expected);
  });
});

describe("plain references", () => {
  it.each([
    ["vars.ticket.id", ["vars", "ticket", "id"]],
    ["vars.list[0].name", ["vars", "list", 0, "name"]],
    ["vars.`two words`", ["vars", "two words"]],
    ["item", ["item"]],
    ["true", undefined],
    ["vars.list[id=1]", undefined],
    ["vars.a & vars.b", undefined],
    ["vars.", undefined],
    ["", undefined],
  ])("%s", (source, expected) => {
    expect(asReference(source)).toEqual(expected);
  });

  it("are written as they are read", () => {
    for (const path of [
      ["vars", "list", 0, "name"],
      ["vars", "and"],
      ["vars", "two words", "x"],
    ]) {
      expect(asReference(referenceText(path))).toEqual(path);
    }
  });
});

describe("renaming", () => {
  const rename = (source: string) => renamePaths(source, ["vars", "old"], ["vars", "new"]);

  it.each([
    ["vars.old.id & vars.older", "vars.new.id & vars.older"],
    ["old.id & 'old' & vars.old", "new.id & 'old' & vars.new"],
    ["payload.old & vars.list[old = 1]", "payload.old & vars.list[old = 1]"],
    ["$$.vars.old", "$$.vars.new"],
    ["vars . old", "vars.new"],
  ])("%s", (source, expected) => {
    expect(rename(source)).toBe(expected);
  });

  it("quotes what is no identifier, and keeps a bare name from meaning a root", () => {
    expect(renamePaths("old.id", ["vars", "old"], ["vars", "two words"])).toBe("`two words`.id");
    expect(renamePaths("old.id", ["vars", "old"], ["vars", "payload"])).toBe("vars.payload.id");
    expect(renamePaths("old + vars.old", ["vars", "old"], ["vars", "new"], false)).toBe("old + vars.new");
  });
});

describe("taking a suggestion", () => {
  it("replaces the path that differs in one name", () => {
    expect(replacePath("payload.titel & payload.other", "payload.title")).toBe("payload.title & payload.other");
    expect(replacePath("$uppercase(vars.tickett.id)", "vars.ticket.id")).toBe("$uppercase(vars.ticket.id)");
    expect(replacePath("'payload.titel'", "payload.title")).toBeUndefined();
  });
});
