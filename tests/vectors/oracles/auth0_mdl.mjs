// @auth0/mdl: a whole DeviceResponse, device signature by the chip's key included.
import { Verifier } from "@auth0/mdl";
import { X509Certificate } from "node:crypto";
import { bytes, input, judge } from "./support.mjs";

await judge(input.cases, async (one) => {
  const verifier = new Verifier([new X509Certificate(bytes(one.root)).toString()]);
  const response = await verifier.verify(Buffer.from(one.device_response, "hex"), {
    encodedSessionTranscript: Buffer.from(one.session_transcript, "hex"),
  });
  const document = response.documents[0];
  const elements = Object.values(document.issuerSigned.nameSpaces).flat();
  return { docType: document.docType, elements: elements.map((item) => item.elementIdentifier) };
});
