// What the libraries leave to their user: signatures and certificates, here by node:crypto.
import { createHash, createPublicKey, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

export const input = JSON.parse(readFileSync(process.argv[2], "utf8"));
export const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
export const sha256 = (data) => new Uint8Array(createHash("sha256").update(data).digest());

export function verifiesES256(jwk, message, signature) {
  const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x: jwk.x, y: jwk.y }, format: "jwk" });
  return verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

export const certificateKey = (der) => new X509Certificate(der).publicKey.export({ format: "jwk" });

// One line of node's issuer and subject strings is "C=CN", the next "CN=...".
export const nameField = (name, field) =>
  name.split("\n").filter((line) => line.startsWith(`${field}=`)).map((line) => line.slice(field.length + 1));

export function verifyChain(chain, roots) {
  const leaf = new X509Certificate(chain[0]);
  const issuer = roots.map((root) => new X509Certificate(root)).find((root) => leaf.checkIssued(root));
  if (!issuer || !leaf.verify(issuer.publicKey)) throw new Error("no trusted root issued the certificate");
}

// Run `check` over the cases; what it returns or throws is the verdict.
export async function judge(cases, check) {
  const verdicts = {};
  for (const one of cases) {
    try {
      verdicts[one.name] = { accepted: true, read: await check(one) };
    } catch (error) {
      verdicts[one.name] = { accepted: false, reason: String(error?.message ?? error) };
    }
  }
  process.stdout.write(JSON.stringify(verdicts, (_, value) => (typeof value === "bigint" ? Number(value) : value)));
}
