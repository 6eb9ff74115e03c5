// How much a browser loads before the list of workflows shows, compressed: at most so many bytes.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const MOST = 300 * 1024;

const folder = join(process.argv[2], "assets");
const names = readdirSync(folder);
const page = readFileSync(join(process.argv[2], "index.html"), "utf8");
const needed = new Set(
  names.filter((name) => page.includes(name) || /^WorkflowsScreen-|latin-(?!ext).*\.woff2$/.test(name)),
);
for (const name of needed) {
  if (name.endsWith(".js")) {
    const source = readFileSync(join(folder, name), "utf8");
    for (const [, imported] of source.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) {
      needed.add(imported);
      // The styles of a chunk have its name, with another hash.
      const stem = imported.replace(/-[\w-]{8}\.js$/, "");
      names.filter((each) => each.replace(/-[\w-]{8}\.css$/, "") === stem).forEach((each) => needed.add(each));
    }
  }
}
const size = [...needed].reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name))).length, 0);
console.log(`first load of the designer: ${Math.round(size / 1024)} KiB`);
process.exit(size > MOST ? 1 : 0);
