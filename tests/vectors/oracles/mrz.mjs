// mrz (npm): parses three lines of 30 and checks every field and digit.
import { parse } from "mrz";
import { input } from "./support.mjs";

const read = {};
for (const [name, lines] of Object.entries(input.zones)) {
  const { valid, format, fields, details } = parse(lines);
  read[name] = { valid, format, fields, wrong: details.filter((one) => !one.valid).map((one) => one.field) };
}
process.stdout.write(JSON.stringify(read));
