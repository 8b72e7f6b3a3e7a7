// @mosip/pixelpass: unwraps base45 and zlib, decodes the COSE_Sign1, and names the identity data. Verifies nothing.
import { createRequire } from "node:module";
import { input } from "./support.mjs";

const require = createRequire(import.meta.url);
const { decode, decodeMappedData } = require("@mosip/pixelpass");
const cbor = require("cbor-web");

const names = { 1: "ID", 4: "Full Name", 8: "Date of Birth", 9: "Gender", 19: "Second Language Full Name" };
const read = {};
for (const [name, text] of Object.entries(input.texts)) {
  const message = JSON.parse(decode(text)); // a tagged item as JSON: its value stands in it
  const parts = message.value ?? message;
  const payload = Buffer.from(parts[2].data ?? Object.values(parts[2]));
  const claims = cbor.decodeFirstSync(payload);
  read[name] = {
    payload: payload.toString("hex"),
    exp: claims.get(4),
    mapped: decodeMappedData(cbor.encode(claims.get(169)), names),
  };
}
process.stdout.write(JSON.stringify(read));
