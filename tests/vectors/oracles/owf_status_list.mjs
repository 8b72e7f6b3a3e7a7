// @owf/token-status-list: reads our shards, and makes one for us to read.
import { CoseKey, Sign1 } from "@owf/cose";
import { StatusList, StatusListCwt } from "@owf/token-status-list";
import { createPrivateKey, sign } from "node:crypto";
import { bytes, input, judge, verifiesES256 } from "./support.mjs";

const context = { verify: ({ sign1, key }) => verifiesES256(key.jwk, sign1.toBeSigned, sign1.signature) };

await judge(input.shards, async (one) => {
  if (one.make) return make(one);
  const raw = bytes(one.cwt);
  const key = CoseKey.fromJwk(one.jwk);
  if (!(await Sign1.decode(raw).verifySignature({ key }, context))) throw new Error("the signature does not verify");
  const token = StatusListCwt.fromToken(raw);
  if (token.protectedHeaders.headers.get(16) !== "application/statuslist+cwt") throw new Error("typ");
  const list = token.payload.statusList;
  return {
    uri: token.payload.subject,
    iat: token.payload.issuedAt.getTime() / 1000,
    exp: token.payload.expirationTime.getTime() / 1000,
    ttl: token.payload.timeToLive,
    bits: list.getBitsPerStatus(),
    aggregation: list.aggregationUri,
    size: list.statusList.length,
    statuses: Object.fromEntries(one.look_up.map((index) => [index, list.getStatus(index)])),
  };
});

async function make({ uri, aggregation_uri, iat, exp, ttl, size, statuses, jwk, kid }) {
  const list = new StatusList(Array.from({ length: size }, (_, index) => statuses[index] ?? 0), 2, aggregation_uri);
  const token = new StatusListCwt({
    payload: {
      subject: uri,
      issuedAt: new Date(iat * 1000),
      expirationTime: new Date(exp * 1000),
      timeToLive: ttl,
      statusList: list,
    },
    protectedHeaders: new Map([[1, -7]]),
    unprotectedHeaders: new Map([[4, bytes(kid)]]),
  });
  const signer = createPrivateKey({ key: jwk, format: "jwk" });
  const raw = await token.signAndEncode(
    { signingKey: CoseKey.fromJwk(jwk) },
    { sign: ({ toBeSigned }) => new Uint8Array(sign("sha256", toBeSigned, { key: signer, dsaEncoding: "ieee-p1363" })) },
  );
  return { cwt: Buffer.from(raw).toString("hex") };
}
