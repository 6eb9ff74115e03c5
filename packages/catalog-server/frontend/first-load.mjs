// How much a browser loads before the list of workflows shows, compressed: at most so many bytes.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const MOST = 300 * 1024;
const LATER = /^(EditorScreen)|-ext-|cyrillic|greek|vietnamese/;

const folder = join(process.argv[2], "assets");
const size = readdirSync(folder)
  .filter((name) => !LATER.test(name))
  .map((name) => readFileSync(join(folder, name)))
  .reduce((sum, content) => sum + gzipSync(content).length, 0);
console.log(`first load of the designer: ${Math.round(size / 1024)} KiB`);
process.exit(size > MOST ? 1 : 0);
